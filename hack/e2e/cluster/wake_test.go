//go:build e2e

package cluster

import (
	"context"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// connects says whether a client is let in where an instance's URL leads, and why not.
func connects(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nc, err := rtmp.Connect(ctx, url+"/cam", rtmp.Config{}) // the last part is a stream
	if err == nil {
		nc.Close()
	}
	return err
}

// withGateway installs the gateway beside the operator, until the test ends.
func withGateway(t *testing.T) *world {
	t.Helper()
	system := &world{t, "flashpod-system"}
	const config = "../../../config/"
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(system.try("describe", "pods"))
			t.Log(system.try("logs", "--all-containers", "--prefix", "--tail=100", "-l", "app.kubernetes.io/name in (flashpod-gateway, flashpod-operator)"))
		}
		for _, file := range []string{"deployment", "service", "waker", "networkpolicy", "poddisruptionbudget", "rbac"} {
			system.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", config+"gateway/"+file+".yaml")
		}
		system.kubectl("apply", "-k", config+"default")
		system.kubectl("rollout", "status", "deployment", "flashpod-operator", "--timeout=2m")
		system.kubectl("delete", "--ignore-not-found", "-f", config+"gateway/namespaces.yaml")
		system.kubectl("delete", "--ignore-not-found", "secret", "flashpod-gateway")
	})
	system.kubectl("apply", "-k", config+"gateway")
	return system
}

// Three instances are behind one address. One of them has gone to sleep, since nobody was
// there; who names what there is not does not wake it, and an encoder that connects does,
// waits, and publishes to who plays.
func TestGatewayWakes(t *testing.T) {
	w := newWorld(t, "e2e-wake")
	system := withGateway(t)
	if out, err := w.apply(`
apiVersion: media.flashpod.dev/v1alpha1
kind: AppInstance
metadata: {name: lobby}
spec: {application: chatRoom, access: {publish: {mode: Anyone}}, service: {type: Gateway}}
---
apiVersion: media.flashpod.dev/v1alpha1
kind: AppInstance
metadata: {name: stage}
spec: {application: shows, access: {publish: {mode: Anyone}}, service: {type: Gateway}}
---
apiVersion: media.flashpod.dev/v1alpha1
kind: AppInstance
metadata: {name: attic}
spec: {application: chatRoom, access: {publish: {mode: Anyone}}, service: {type: Gateway}, idle: {suspendAfter: 10s}, wake: {timeout: 1m}}
`); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	system.kubectl("rollout", "status", "deployment", "flashpod-operator", "--timeout=2m")
	system.kubectl("rollout", "status", "deployment", "flashpod-gateway", "--timeout=2m")
	var address string
	until(t, patience, "the gateway to have an address", func() bool {
		address = system.kubectl("get", "service", "flashpod-gateway", "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
		return address != ""
	})
	urls := map[string]string{"lobby": "/chatRoom/lobby", "stage": "/shows/stage", "attic": "/chatRoom/attic"}
	for name, path := range urls {
		urls[name] = "rtmp://" + address + path
		var s status
		until(t, 2*patience, name+" to be ready at the gateway's address", func() bool {
			s = w.status(name)
			return s.is("Ready") && s.Status.URL == urls[name]
		})
	}
	for _, name := range []string{"lobby", "stage"} {
		var err error
		until(t, patience, name+" to let clients in", func() bool { err = connects(urls[name]); return err == nil })
		run(t, "ffmpeg", publishing(urls[name]+"/cam", "600")...)
	}
	shows := func(name string) {
		t.Helper()
		plays(t, urls[name]+"/cam", 12, "-read_intervals", "%+1")
	}
	shows("lobby")
	shows("stage")

	until(t, 2*patience, "attic to go to sleep", func() bool {
		return w.status("attic").is("Sleeping") && strings.Contains(w.try("get", "pod", "attic-0"), "NotFound")
	})
	if got := w.kubectl("get", "appinstance", "attic"); !strings.Contains(got, "Sleeping") {
		t.Errorf("kubectl get shows it as\n%s", got)
	}
	for path, says := range map[string]string{"/chatRoom/nowhere": "is not served here", "/nothing/attic": "is not defined"} {
		if err := connects("rtmp://" + address + path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if !w.status("attic").is("Sleeping") {
		t.Error("who names what there is not wakes it")
	}
	began := time.Now()
	encoder := run(t, "ffmpeg", publishing(urls["attic"]+"/cam", "600")...)
	shows("attic") // who plays waits as well
	t.Logf("what an encoder publishes that came for one that slept played after %v", time.Since(began).Round(100*time.Millisecond))
	if !encoder.runs() {
		t.Errorf("the encoder has ended: %s", encoder.text())
	}
	until(t, patience, "status to say that it serves", func() bool {
		s := w.status("attic")
		return s.is("Ready") && !s.is("Sleeping")
	})
	if got := w.kubectl("get", "appinstance", "attic", "-o", "jsonpath={.status.sleep.woken}{.status.sleep.since}"); got == "" || strings.Count(got, "T") != 1 {
		t.Errorf("status.sleep says %q", got)
	}
	shows("lobby") // as all the time
}
