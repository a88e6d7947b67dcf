// Package gateway is an edge of many origins: one address for every AppInstance that has a
// route. To the sessions of this process it is the directory that they ask; it decides
// from the host, the application and the instance that a client names whose it is (package
// routing), and hands it to an edge of that one's origin (package edge), which is made
// when the first client comes.
//
// Several origins may share an application: which of them has an instance they are asked
// when its first client comes, and one that none has falls to one of them by its name, but to
// none that is leaving.
//
// Routes are a file that others change while the gateway runs, as keys and certificates
// are; one that is wrong leaves the one before in its place, and a key that is wrong costs its
// own origin alone. Who is connected stays with the origin that it has, wherever its route
// leads by then, until that ends: then who comes elsewhere by now is told to connect again.
//
// A route may say that its instance is asleep. Who comes for that waits, with his handshake
// done, while whoever wakes instances is asked (package waking): one goroutine asks for all
// who wait for one instance, and they are bounded, of an address, an instance and the
// process. Who names what there is not wakes nothing.
//
// The package owns no name and no rule of an instance's, and sees nothing of what a client
// says once it was handed over.
package gateway
