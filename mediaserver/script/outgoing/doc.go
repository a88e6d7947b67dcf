// Package outgoing is what a server-side script may reach over the network: an
// allow-list of hosts ([Hosts]), a client of HTTP and sockets of TCP under it
// ([Network]). It knows no script and no engine; package script is its caller.
//
// A host is looked at three times: by its name, before anything is asked of the
// network; by its addresses, once DNS has said them; and by the address that the
// socket is about to be connected to. A redirect is a new host. What a name means is
// DNS's word, which others may write: addresses that are this machine's, or that are
// served on every machine's link (loopback, link-local, the cloud's metadata), are
// reached only where the list names the address itself, or localhost.
//
// Everything has a limit ([Limits]): the time to connect, to answer and in all, the
// bytes of an answer as it comes and as it is unpacked, its headers, redirects,
// requests under way to one host and in all, those that wait, and sockets. What is held
// of answers is paid for by a budget. Names are looked up, and requests go out, from the
// goroutine that asks, which waits: it is never the script's own.
//
// No proxy is taken from the environment, no cookie is kept, and credentials are sent
// only where the caller puts them.
package outgoing
