//go:build e2e

package cluster

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	pion "github.com/pion/webrtc/v4"
)

// Media of WebRTC has a load balancer of UDP of its own, whose address the server tells
// who asks to watch; and through it media comes.
func TestWebRTCByItsOwnService(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-webrtc")
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: near}\n" +
		"spec: {application: live, access: {publish: {mode: Anyone}}, web: {webrtc: {port: 3478}}}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.ready("near")
	at := w.kubectl("get", "service", "near-webrtc", "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}:{.spec.ports[*].port} {.spec.ports[*].protocol}")
	if at != w.address("near-webrtc")+":3478 UDP" {
		t.Errorf("the Service is at %s", at)
	}
	if got := w.kubectl("get", "service", "near", "-o", "jsonpath={.spec.ports[*].protocol}"); strings.Contains(got, "UDP") {
		t.Errorf("the Service of TCP has %s", got)
	}
	until(t, patience, "the server to be told", func() bool {
		return w.kubectl("get", "configmap", "near-config", "-o", `go-template={{index .data "webrtc-addresses"}}`) == strings.Fields(at)[0]+"\n"
	})
	url := w.kubectl("get", "appinstance", "near", "-o", "jsonpath={.status.url}")
	web := w.kubectl("get", "appinstance", "near", "-o", "jsonpath={.status.webURL}")
	publish(t, url+"/cam", lasting)
	var v *watcher
	said := ""
	until(t, patience, "an answer", func() bool {
		v, said = watchRTC(t, strings.Replace(web, "/live/", "/-/whep/live/", 1)+"/cam")
		return v != nil
	})
	if got := strings.Count(said, "a=candidate:"); got == 0 || got != strings.Count(said, " "+w.address("near-webrtc")+" 3478 typ host") {
		t.Errorf("the answer names other addresses than the Service's:\n%s", said)
	}
	const enough = 200 // some seconds of pictures
	until(t, patience, "packets of pictures", func() bool {
		if v.pc.ConnectionState() == pion.PeerConnectionStateFailed { // a machine that stands still for long
			if again, _ := watchRTC(t, strings.Replace(web, "/live/", "/-/whep/live/", 1)+"/cam"); again != nil {
				v = again
			}
		}
		return v.packets.Load() >= enough
	})
	pair, err := v.pc.GetReceivers()[0].Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil || pair.Remote.Address != w.address("near-webrtc") || pair.Remote.Port != 3478 || pair.Remote.Protocol != pion.ICEProtocolUDP {
		t.Errorf("they come by %v: %v", pair, err)
	}
}

// watcher watches by WebRTC, and counts packets of RTP.
type watcher struct {
	pc      *pion.PeerConnection
	packets atomic.Int64
}

// watchRTC asks to watch what is at an address of WHEP; nil: it is told why not.
func watchRTC(t *testing.T, url string) (w *watcher, said string) {
	t.Helper()
	pc, err := pion.NewPeerConnection(pion.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	w = &watcher{pc: pc}
	t.Cleanup(func() { _ = pc.Close() })
	if _, err := pc.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	pc.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) {
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			w.packets.Add(1)
		}
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := pion.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	answer, err := http.Post(url, "application/sdp", strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		return nil, err.Error()
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Logf("not yet: %s %v %s", answer.Status, err, b)
		return nil, string(b)
	}
	if err := pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: string(b)}); err != nil {
		t.Fatal(err)
	}
	return w, string(b)
}
