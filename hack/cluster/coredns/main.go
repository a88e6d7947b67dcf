// Command coredns is CoreDNS with the few plugins that cluster DNS needs, so that it builds in a fraction of the time.
// There is no forward plugin: nothing outside the development cluster can be reached from it, and a name that is not the
// cluster's fails at once.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	coremain.Run()
}
