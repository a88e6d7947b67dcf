//go:build e2e

package cluster

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The channel of the samples: a film that is published with the key is in the next
// round, and all who look see the same.
func TestSampleChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-channel")
	w.kubectl("apply", "-k", "../../../config/samples/applications/channel")
	url := w.ready("channel")
	film := publish(t, url+"/other?key="+w.key("channel"), "2")
	film.wait()
	if film.err == nil {
		t.Error("a film that the schedule does not name is published")
	}
	film = publish(t, url+"/opening?key="+w.key("channel"), "4")
	film.wait()
	if film.err != nil {
		t.Fatal(film.text())
	}
	until(t, patience, "the film to be shown", func() bool { return call(t, url, `"anna"`, "now") == `"opening"` })
	var seen [2]chan int
	for i := range seen {
		seen[i] = make(chan int, 1)
		go func() { seen[i] <- pictures(t, url+"/tv", "-read_intervals", "%+6") }()
	}
	for i := range seen {
		if n := <-seen[i]; n < 100 {
			t.Errorf("viewer %d has %d pictures of 6 s, from one round into the next", i, n)
		}
	}
}

// The gate of the samples asks a backend who may come in, which is a Service like any
// other, and as long as there is none nobody may.
func TestSampleGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-gate")
	w.kubectl("apply", "-k", "../../../config/samples/applications/gate")
	url := w.ready("door")
	if got := call(t, url, `"anna's"`, "whoAmI"); !strings.Contains(got, "the backend does not answer") {
		t.Errorf("without a backend anna is told %s", got)
	}
	w.backend("backend", 8000, func(answer http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutSuffix(r.PostFormValue("ticket"), "'s"); ok {
			fmt.Fprintf(answer, "ok=1&name=%s", name)
			return
		}
		fmt.Fprint(answer, "ok=0&reason=Buy+a+ticket+first.")
	})
	for _, name := range []string{"anna", "ben"} {
		until(t, patience, name+" to be let in", func() bool { return call(t, url, `"`+name+`'s"`, "whoAmI") == `"`+name+`"` })
	}
	if got := call(t, url, `"none"`, "whoAmI"); !strings.Contains(got, "NetConnection.Connect.Rejected") || !strings.Contains(got, "Buy a ticket first.") {
		t.Errorf("without a ticket somebody is told %s", got)
	}
}

// backend serves HTTP on the node, as a Service of the namespace.
func (w *world) backend(name string, port int, handle http.HandlerFunc) {
	w.t.Helper()
	node := w.kubectl("get", "nodes", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	ln, err := net.Listen("tcp", net.JoinHostPort(node, "0"))
	if err != nil {
		w.t.Fatal(err)
	}
	s := &httptest.Server{Listener: ln, Config: &http.Server{Handler: handle}}
	s.Start()
	w.t.Cleanup(s.Close)
	out, err := w.apply(fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  ports: [{name: http, port: %[2]d, targetPort: %[3]d}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
ports: [{name: http, port: %[3]d}]
endpoints: [{addresses: [%[4]s]}]
`, name, port, ln.Addr().(*net.TCPAddr).Port, node))
	if err != nil {
		w.t.Fatal(out)
	}
}
