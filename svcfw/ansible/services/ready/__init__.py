"""Services that come with the collection, and the actions of the modules that use them.

A host may ask these services for nothing but what its task says: the action attests that, as of svcfw.ansible.services.
ready.attested. They run in the service host of a run, actions in workers of ansible-playbook.
"""
