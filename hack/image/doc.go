// Command image writes a container image as a tar file that docker load, podman load and ctr images import read, without a
// Docker daemon or a registry.
//
// An image is one static binary on an empty base. The same binary gives the same bytes: files carry no time and no owner of the
// building machine.
//
// The Makefile calls it for the two products and hack/cluster for the pause image. It never compiles and never pushes.
package main
