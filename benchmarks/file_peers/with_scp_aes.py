from benchmarks.file_peers import place as places
from benchmarks.file_peers.with_scp import Peer

if __name__ == '__main__':
    # With the cipher that svcfw asks for: what of a lead is due to that.
    places.report(lambda place: Peer(place, cipher='aes128-gcm@openssh.com'))
