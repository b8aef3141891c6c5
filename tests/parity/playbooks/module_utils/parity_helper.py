"""What parity_new imports."""


def helped(word):
    return 'helped ' + word
