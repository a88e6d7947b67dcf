//go:build e2e

package cluster

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"
	pionmedia "github.com/pion/webrtc/v4/pkg/media"
)

// Edges share one UDP Service: whichever of them gets a client's packets, those come to the one
// that has its session. One publishes at an edge, some watch at each, until packets of some have
// gone by other edges; a session is ended at another edge than its own; and where an edge is
// deleted, its own clients come back, and those whose packets went by it go on.
func TestWebRTCByEdges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "e2e-webrtc-edges")
	if out, err := w.apply("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: wide}\n" +
		"spec: {application: live, access: {publish: {mode: Anyone}}, edges: {replicas: 3}, web: {webrtc: {port: 3478}}}"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.ready("wide")
	w.edges("wide", 3)
	r := &rtcEdges{world: w, at: " " + w.address("wide-webrtc") + " 3478 typ host"}
	for _, address := range w.edgePods() {
		r.pods = append(r.pods, address)
	}
	slices.Sort(r.pods)
	if len(r.pods) != 3 {
		t.Fatalf("the edges are at %v", r.pods)
	}
	p := r.publish(r.pods[0])
	for len(r.viewers) < 6 || r.passed() == 0 { // a Service picks an edge for each client by chance
		for _, pod := range r.pods {
			r.watch(pod)
		}
		r.allSee(p)
		if len(r.viewers) > 30 {
			t.Fatalf("of %d viewers none has come by another edge than its own", len(r.viewers))
		}
	}
	t.Logf("%d viewers, %d packets were handed on", len(r.viewers), r.passed())

	until(t, patience, "a session to be ended at another edge than its own", func() bool {
		v := &rtcViewer{pod: r.pods[0]}
		r.comes(v)
		defer func() { _ = v.pc.Close() }()
		if r.remove(r.pods[2], v.session) != http.StatusOK {
			return false // a machine that stands still has ended it
		}
		if status := r.remove(r.pods[1], v.session); status == http.StatusOK {
			t.Error("a session is ended twice")
		}
		return true
	})

	gone := r.pods[1]
	for name, address := range w.edgePods() {
		if address == gone {
			w.kubectl("delete", "pod", name, "--grace-period=0", "--force")
		}
	}
	r.pods = slices.Delete(r.pods, 1, 2)
	r.allSee(p) // those who were there, elsewhere
	r.allSee(p)
	stay, back := 0, 0
	for _, v := range r.viewers {
		if v.back {
			back++
		} else {
			stay++
		}
	}
	t.Logf("an edge was deleted: %d have stayed, %d have come back", stay, back)
	if back == 0 {
		t.Error("nobody was at the edge that was deleted")
	}
	w.edges("wide", 3)
}

// rtcEdges is what goes on at the edges.
type rtcEdges struct {
	*world
	at      string   // of the Service, as a candidate has it
	pods    []string // addresses of edges that do not go
	viewers []*rtcViewer
}

// url is the address of a stream at an edge, or of a session of it.
func (r *rtcEdges) url(pod, path string) string { return "http://" + pod + ":8088" + path }

// remove ends a session, and returns what is answered.
func (r *rtcEdges) remove(pod, session string) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodDelete, r.url(pod, session), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// passed is how many packets edges have sent to clients of others.
func (r *rtcEdges) passed() (n int) {
	r.t.Helper()
	for _, pod := range r.pods {
		answer, err := http.Get("http://" + pod + ":8080/metrics")
		if err != nil {
			r.t.Fatal(err)
		}
		b, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			r.t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if said, ok := strings.CutPrefix(line, `flashpod_edge_webrtc_passed_packets_total{to="client"} `); ok {
				f, err := strconv.ParseFloat(strings.TrimSpace(said), 64)
				if err != nil {
					r.t.Fatal(err)
				}
				n += int(f)
			}
		}
	}
	return n
}

// begin posts an offer to an edge until it is answered with the address of the Service, which
// edges hear of when kubelet has looked.
func (r *rtcEdges) begin(pod, path string, prepare func(*pion.PeerConnection)) (pc *pion.PeerConnection, session string) {
	r.t.Helper()
	until(r.t, 2*patience, "an answer of "+pod+" to "+path, func() bool {
		one, err := pion.NewPeerConnection(pion.Configuration{})
		if err != nil {
			r.t.Fatal(err)
		}
		prepare(one)
		offer, err := one.CreateOffer(nil)
		if err != nil {
			r.t.Fatal(err)
		}
		gathered := pion.GatheringCompletePromise(one)
		if err := one.SetLocalDescription(offer); err != nil {
			r.t.Fatal(err)
		}
		<-gathered
		status, at, said := 0, "", ""
		answer, err := http.Post(r.url(pod, path), "application/sdp", strings.NewReader(one.LocalDescription().SDP))
		if err == nil {
			b, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			status, at, said = answer.StatusCode, answer.Header.Get("Location"), string(b)
		}
		if status != http.StatusCreated || strings.Count(said, "a=candidate:") != strings.Count(said, r.at) {
			r.t.Logf("not yet: %v %d %.300s", err, status, said)
			if status == http.StatusCreated {
				r.remove(pod, at)
			}
			_ = one.Close()
			return false
		}
		if err := one.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: said}); err != nil {
			r.t.Fatal(err)
		}
		pc, session = one, at
		return true
	})
	return pc, session
}

// over says whether a client is to begin another session: its server has ended it, or does not
// answer any more.
func over(pc *pion.PeerConnection) bool {
	switch pc.ConnectionState() {
	case pion.PeerConnectionStateDisconnected, pion.PeerConnectionStateFailed, pion.PeerConnectionStateClosed:
		return true
	}
	return false
}

// What a small encoder says: parameter sets of 16 by 16 pixels; and how each of its pictures
// begins to end.
const (
	parameterSets = "\x00\x00\x00\x01\x67\x42\xc0\x0a\xda\x79\x00\x00\x00\x01\x68\xce\x38\x80"
	numbered      = "picture "
)

// rtcPublisher publishes numbered pictures, 25 a second, until the test ends.
type rtcPublisher struct {
	pc     *pion.PeerConnection
	pod    string
	track  atomic.Pointer[pion.TrackLocalStaticSample]
	newest atomic.Int64
}

func (r *rtcEdges) publish(pod string) *rtcPublisher {
	r.t.Helper()
	p := &rtcPublisher{pod: pod}
	r.publishes(p)
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(40 * time.Millisecond)
		defer tick.Stop()
		for n := int64(0); ; n++ {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			picture := "\x00\x00\x00\x01\x41\x9a"
			if n%25 == 0 { // and so what is asked for comes within a second
				picture = parameterSets + "\x00\x00\x00\x01\x65\x9a"
			}
			picture += strings.Repeat("x", 3000) + numbered + fmt.Sprintf("%08d", n)
			if p.track.Load().WriteSample(pionmedia.Sample{Data: []byte(picture), Duration: 40 * time.Millisecond}) == nil {
				p.newest.Store(n)
			}
		}
	})
	r.t.Cleanup(func() { close(stop); done.Wait(); _ = p.pc.Close() })
	return p
}

// publishes begins a session of the publisher.
func (r *rtcEdges) publishes(p *rtcPublisher) {
	r.t.Helper()
	p.pc, _ = r.begin(p.pod, "/-/whip/live/wide/cam", func(pc *pion.PeerConnection) {
		track, err := pion.NewTrackLocalStaticSample(pion.RTPCodecCapability{MimeType: pion.MimeTypeH264}, "video", "test")
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := pc.AddTrack(track); err != nil {
			r.t.Fatal(err)
		}
		p.track.Store(track)
	})
}

// rtcViewer is who watches at an edge.
type rtcViewer struct {
	pc           *pion.PeerConnection
	pod, session string
	back         bool         // it has come back, once or more
	newest       atomic.Int64 // picture that it has seen
}

func (r *rtcEdges) watch(pod string) {
	r.t.Helper()
	v := &rtcViewer{pod: pod}
	r.comes(v)
	r.viewers = append(r.viewers, v)
	r.t.Cleanup(func() { _ = v.pc.Close() })
}

// comes begins a session of a viewer.
func (r *rtcEdges) comes(v *rtcViewer) {
	r.t.Helper()
	v.pc, v.session = r.begin(v.pod, "/-/whep/live/wide/cam", func(pc *pion.PeerConnection) {
		if _, err := pc.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
			r.t.Fatal(err)
		}
		pc.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) {
			for {
				packet, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				if at := bytes.LastIndex(packet.Payload, []byte(numbered)); at >= 0 {
					if n, err := strconv.ParseInt(string(packet.Payload[at+len(numbered):]), 10, 64); err == nil {
						v.newest.Store(n)
					}
				}
			}
		})
	})
}

// allSee waits until each viewer sees what is published from now on. Who is cut off comes back,
// to an edge that is there.
func (r *rtcEdges) allSee(p *rtcPublisher) {
	r.t.Helper()
	from := p.newest.Load()
	for _, v := range r.viewers {
		until(r.t, 2*patience, fmt.Sprintf("a viewer at %s to see picture %d", v.pod, from+1), func() bool {
			if over(p.pc) { // a machine that stands still for long
				_ = p.pc.Close()
				r.publishes(p)
			}
			if over(v.pc) {
				_ = v.pc.Close()
				if !slices.Contains(r.pods, v.pod) {
					v.pod = r.pods[0]
				}
				v.back = true
				r.comes(v)
			}
			return v.newest.Load() > from && slices.Contains(r.pods, v.pod)
		})
	}
}
