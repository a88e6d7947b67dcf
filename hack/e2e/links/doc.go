// Package links tests what an edge and its origin do when the network between them is bad
// or the machine of one of them fails: the real program serves in network namespaces, one
// for each server, and what lies between them is made slow (a token bucket), lossy (nft),
// far (a forwarder on TUN devices) or is taken away (link down). Clients of the test
// publish and play at all of them, and say what they have lost.
//
// `make test-links` runs it, and needs bin/flashpod, iproute2, nftables and the right to
// make namespaces; what takes minutes runs with -long, by `make test-long`. README.md says
// what is tested, and what clients see.
package links
