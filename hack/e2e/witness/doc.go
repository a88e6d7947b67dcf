// Package witness has clients that write down what they lose: viewers of a live stream,
// who connect again as players do, and people who chat by a script and a shared object.
// Tests have servers come and go under them, on a cluster and on one machine, and look at
// what the clients have noted.
package witness
