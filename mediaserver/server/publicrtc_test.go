package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp/codecs"
	pion "github.com/pion/webrtc/v4"
	sample "github.com/pion/webrtc/v4/pkg/media"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/webrtc"
)

// What a small encoder says: parameter sets of 16 by 16 pixels, and slices that differ.
var (
	testSPS = []byte{0x67, 0x42, 0xc0, 0x0a, 0xda, 0x79}
	testPPS = []byte{0x68, 0xce, 0x38, 0x80}
)

const startCode = "\x00\x00\x00\x01"

// slice is a NAL unit of a picture, longer than a packet.
func slice(key bool, n int) []byte {
	first := byte(0x41)
	if key {
		first = 0x65
	}
	return append([]byte{first, 0x9a, byte(n)}, bytes.Repeat([]byte{byte(n)}, 3000)...)
}

// rtcClient is a client by WebRTC.
type rtcClient struct {
	t       *testing.T
	pc      *pion.PeerConnection
	session string // its address
	left    string
}

// offerRTC posts an offer, and takes the answer if there is one.
func offerRTC(t *testing.T, s *Server, path, key string, prepare func(pc *pion.PeerConnection), by ...func(*pion.SettingEngine)) (c *rtcClient, status int, said string) {
	t.Helper()
	var settings pion.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	for _, set := range by {
		set(&settings)
	}
	pc, err := pion.NewAPI(pion.WithSettingEngine(settings)).NewPeerConnection(pion.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	c = &rtcClient{t: t, pc: pc}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	prepare(pc)
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := pion.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	status, header, said := askRTC(t, s, http.MethodPost, path, key, pc.LocalDescription().SDP)
	if status != http.StatusCreated {
		return nil, status, said
	}
	c.session, c.left = header.Get("Location"), header.Get("Flashpod-Left-Out")
	if err := pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: said}); err != nil {
		t.Fatalf("%v in\n%s", err, said)
	}
	return c, status, said
}

// askRTC sends a request on a connection of its own.
func askRTC(t *testing.T, s *Server, method, path, key, body string) (status int, header http.Header, said string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.WebAddr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Content-Type", "application/sdp")
	r.Header.Set("User-Agent", "OBS-Studio/30")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(b)
}

func (c *rtcClient) end(s *Server) (status int) {
	status, _, _ = askRTC(c.t, s, http.MethodDelete, c.session, "", "")
	return status
}

// overTCP has a client connect.
func overTCP(s *pion.SettingEngine) { s.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeTCP4}) }

// rtcPublisher publishes pictures of H.264 and sound.
type rtcPublisher struct {
	*rtcClient
	video, audio *pion.TrackLocalStaticSample
	asked        chan struct{} // for keyframes
}

func publishRTC(t *testing.T, s *Server, path, key string, by ...func(*pion.SettingEngine)) (p *rtcPublisher, status int, said string) {
	t.Helper()
	p = &rtcPublisher{asked: make(chan struct{}, 100)}
	p.rtcClient, status, said = offerRTC(t, s, path, key, func(pc *pion.PeerConnection) {
		p.video = addTrack(t, pc, pion.MimeTypeH264, func(sender *pion.RTPSender) {
			for {
				packets, _, err := sender.ReadRTCP()
				if err != nil {
					return
				}
				for _, one := range packets {
					if _, ok := one.(*rtcp.PictureLossIndication); ok {
						p.asked <- struct{}{}
					}
				}
			}
		})
		p.audio = addTrack(t, pc, pion.MimeTypeOpus, func(sender *pion.RTPSender) {
			for {
				if _, _, err := sender.ReadRTCP(); err != nil {
					return
				}
			}
		})
	}, by...)
	return p, status, said
}

func addTrack(t *testing.T, pc *pion.PeerConnection, mime string, listen func(*pion.RTPSender)) *pion.TrackLocalStaticSample {
	t.Helper()
	track, err := pion.NewTrackLocalStaticSample(pion.RTPCodecCapability{MimeType: mime}, mime, "test")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := pc.AddTrack(track)
	if err != nil {
		t.Fatal(err)
	}
	go listen(sender)
	return track
}

// show publishes a picture, and a piece of sound.
func (p *rtcPublisher) show(key bool, n int) {
	p.t.Helper()
	picture := ""
	if key {
		picture = startCode + string(testSPS) + startCode + string(testPPS)
	}
	picture += startCode + string(slice(key, n))
	err := p.video.WriteSample(sample.Sample{Data: []byte(picture), Duration: 40 * time.Millisecond})
	if err == nil {
		err = p.audio.WriteSample(sample.Sample{Data: []byte{0xfc, byte(n), 1, 2}, Duration: 40 * time.Millisecond})
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// connected waits until the client's media may flow.
func (c *rtcClient) connected() {
	c.t.Helper()
	servertest.Eventually(c.t, "a connection by WebRTC", func() bool { return c.pc.ConnectionState() == pion.PeerConnectionStateConnected })
}

// rtcViewer has the pictures that have come, and the packets of sound.
type rtcViewer struct {
	*rtcClient
	pictures chan []byte
	sounds   chan []byte
}

func watchRTC(t *testing.T, s *Server, path string, by ...func(*pion.SettingEngine)) (v *rtcViewer, status int, said string) {
	t.Helper()
	v = &rtcViewer{pictures: make(chan []byte, 1000), sounds: make(chan []byte, 1000)}
	v.rtcClient, status, said = offerRTC(t, s, path, "", func(pc *pion.PeerConnection) {
		for _, kind := range []pion.RTPCodecType{pion.RTPCodecTypeVideo, pion.RTPCodecTypeAudio} {
			if _, err := pc.AddTransceiverFromKind(kind, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
		}
		pc.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) {
			var picture []byte
			open := codecs.H264Packet{IsAVC: true}
			for {
				packet, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				if track.Kind() == pion.RTPCodecTypeAudio {
					v.sounds <- packet.Payload
					continue
				}
				b, err := open.Unmarshal(packet.Payload)
				if err != nil {
					return
				}
				if picture = append(picture, b...); packet.Marker {
					v.pictures <- picture
					picture = nil
				}
			}
		})
	}, by...)
	return v, status, said
}

// sees waits for a picture that ends with a slice.
func (v *rtcViewer) sees(key bool, n int) (picture []byte) {
	v.t.Helper()
	want := slice(key, n)
	late := time.After(servertest.Patience)
	for {
		select {
		case picture = <-v.pictures:
			if bytes.HasSuffix(picture, want) {
				return picture
			}
		case <-late:
			v.t.Fatalf("picture %d has not come", n)
		}
	}
}

// showUntil publishes pictures, the first a keyframe, until something is, and returns
// how many it were: what was sent before the connection was there is lost.
func (p *rtcPublisher) showUntil(what string, is func() bool) (n int) {
	p.t.Helper()
	servertest.Eventually(p.t, what, func() bool {
		p.show(n%10 == 0, n)
		n++
		return is()
	})
	return n
}

// A stream that is published by WebRTC is one for all: by RTP its viewers get the
// pictures as they are, by HTTP as RTMP has them, and its publisher is a client.
func TestWebRTC(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s, stop := runWith(t, Config{Data: data, WebAddress: anyAddress}, "{application: app, instance: one, access: {publish: {mode: Anyone, takeOver: Never}}}")
	if status, header, said := askRTC(t, s, http.MethodOptions, "/-/whep/app/one/cam", "", ""); status != http.StatusNoContent || header.Get("Access-Control-Allow-Methods") != "POST, PATCH, DELETE" {
		t.Errorf("OPTIONS: %d %v %s", status, header, said)
	}
	if _, status, said := watchRTC(t, s, "/-/whep/app/one/cam"); status != http.StatusNotFound || !strings.Contains(said, "nobody publishes") {
		t.Errorf("before the publisher: %d %s", status, said)
	}
	p, status, said := publishRTC(t, s, "/-/whip/app/one/cam?mode=record", "")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	if !strings.Contains(said, "a=ice-lite") || strings.Count(said, "a=candidate:") == 0 {
		t.Errorf("the answer is\n%s", said)
	}
	p.connected()
	live := s.running("app", "one").Live("cam")
	p.showUntil("the stream has a picture", func() bool { return live.Newest() > 0 })
	p.showUntil("players of RTMP are told what it is", func() bool {
		said := string(live.Stored("onMetaData"))
		return strings.Contains(said, "audiosamplerate") && strings.Contains(said, "height")
	})
	if meta, err := amf.DecodeAll(live.Stored("onMetaData")); err != nil || len(meta) != 2 {
		t.Errorf("onMetaData is %v: %v", meta, err)
	} else {
		for name, want := range map[string]amf.Value{"width": 16.0, "height": 16.0, "videocodecid": 7.0, "audiocodecid": float64(payload.Opus), "audiosamplerate": 48000.0, "audiochannels": 2.0, "encoder": "OBS-Studio/30"} {
			if got, _ := meta[1].(*amf.ECMAArray).Get(name); got != want {
				t.Errorf("onMetaData has %s %v, want %v", name, got, want)
			}
		}
	}
	clients, _ := s.running("app", "one").Clients("", 10)
	if len(clients) != 1 || clients[0].Agent != "OBS-Studio/30" {
		t.Errorf("clients: %+v", clients)
	}
	if _, status, said := publishRTC(t, s, "/-/whip/app/one/cam", ""); status != http.StatusConflict || !strings.Contains(said, "cam is already published") {
		t.Errorf("a second publisher: %d %s", status, said)
	}

	v, status, said := watchRTC(t, s, "/-/whep/app/one/cam")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	v.connected()
	last := p.showUntil("the viewer has a picture", func() bool { return len(v.pictures) > 0 })
	p.show(true, last)
	p.show(false, last+1)
	picture := v.sees(true, last)
	if !bytes.Contains(picture, testSPS) || !bytes.Contains(picture, testPPS) {
		t.Errorf("parameter sets do not go before a keyframe: %.60x", picture)
	}
	v.sees(false, last+1)
	select {
	case sound := <-v.sounds:
		if len(sound) != 4 {
			t.Errorf("the viewer hears %x", sound)
		}
	case <-time.After(servertest.Patience):
		t.Error("the viewer hears nothing")
	}
	if status, _, said := askRTC(t, s, http.MethodGet, "/-/whep/app/one/cam", "", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d %s", status, said)
	}

	f := watchFLV(t, s, "/app/one/cam.flv")
	config := "\x00\x00\x00\x00\x01\x42\xc0\x0a\xff\xe1\x00\x06" + string(testSPS) + "\x01\x00\x04" + string(testPPS)
	f.sees(config)
	p.show(true, last+2)
	unit := slice(true, last+2)
	f.sees("\x01\x00\x00\x00" + string(binary.BigEndian.AppendUint32(nil, uint32(len(unit)))) + string(unit))

	if status := v.end(s); status != http.StatusOK {
		t.Errorf("DELETE of the viewer: %d", status)
	}
	if status := v.end(s); status != http.StatusNotFound {
		t.Errorf("DELETE once more: %d", status)
	}
	if status := p.end(s); status != http.StatusOK {
		t.Errorf("DELETE of the publisher: %d", status)
	}
	if live.Live() {
		t.Error("the stream goes on behind its end")
	}
	b, err := os.ReadFile(filepath.Join(data, "app/streams/one/cam.flv"))
	if err != nil || !bytes.Contains(b, unit) || !bytes.Contains(b, []byte("OpusHead")) || !bytes.Contains(b, []byte("audiosamplerate")) {
		t.Errorf("the recording has %d bytes, and not all: %v", len(b), err)
	}
	servertest.Eventually(t, "no client is left", func() bool { clients, _ := s.running("app", "one").Clients("", 10); return len(clients) == 0 })
	f.answer.Body.Close()
	servertest.Eventually(t, "no place is taken", func() bool { return s.open.Load() == 0 })
	stop()
}

// Who can send no UDP publishes and watches by TCP, at the number of the UDP port, be that
// the web's or not; where it is switched off, answers name no such address.
func TestWebRTCByTCP(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"the web's port": {WebAddress: anyAddress},
		"its own port":   {WebAddress: anyAddress, WebRTCAddress: anyAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, stop := runWith(t, c, open)
			p, status, said := publishRTC(t, s, "/-/whip/app/one/cam", "", overTCP)
			if status != http.StatusCreated {
				t.Fatalf("%d %s", status, said)
			}
			_, port, _ := net.SplitHostPort(s.WebRTCAddr().String())
			if !strings.Contains(said, " "+port+" typ host tcptype passive") || s.public.tcp == nil != (c.WebRTCAddress == "") {
				t.Errorf("the answer is\n%s", said)
			}
			p.connected()
			live := s.running("app", "one").Live("cam")
			p.showUntil("the stream has a picture", func() bool { return live.Newest() > 0 })
			v, status, said := watchRTC(t, s, "/-/whep/app/one/cam", overTCP)
			if status != http.StatusCreated {
				t.Fatalf("%d %s", status, said)
			}
			v.connected()
			last := p.showUntil("the viewer has a picture", func() bool { return len(v.pictures) > 0 })
			p.show(true, last)
			v.sees(true, last)
			if code, _, said := page(t, s, "/app/one/none.flv", ""); code != http.StatusNotFound {
				t.Errorf("by HTTP: %d %s", code, said)
			}
			if v.end(s) != http.StatusOK || p.end(s) != http.StatusOK {
				t.Error("they have not ended")
			}
			http.DefaultClient.CloseIdleConnections()
			servertest.Eventually(t, "no place is taken", func() bool { return s.open.Load() == 0 })
			stop()
		})
	}
	s, _ := runWith(t, Config{WebAddress: anyAddress, NoWebRTCTCP: true}, open)
	if _, status, said := publishRTC(t, s, "/-/whip/app/one/cam", ""); status != http.StatusCreated || strings.Contains(said, "tcptype") {
		t.Errorf("switched off: %d %s", status, said)
	}
	nc, err := net.Dial("tcp", s.WebAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte{0, 0, 13, 10, 13, 10}); err != nil {
		t.Fatal(err)
	}
	if err := nc.SetReadDeadline(time.Now().Add(servertest.Patience)); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(nc); err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 400")) {
		t.Errorf("it is not HTTP's alone: %q %v", b, err)
	}
}

// A publisher needs the key, a loss is answered by asking for a keyframe, and what a
// browser's WebRTC cannot show is refused, or left out, with the reason.
func TestWebRTCRules(t *testing.T) {
	t.Parallel()
	s, stop := runWith(t, Config{WebAddress: anyAddress}, "{application: app, instance: one}")
	for key, want := range map[string]string{"": "needs a key", "wrong": "wrong publish key"} {
		if _, status, said := publishRTC(t, s, "/-/whip/app/one/cam", key); status != http.StatusUnauthorized || !strings.Contains(said, want) {
			t.Errorf("key %q: %d %s", key, status, said)
		}
	}
	if _, status, said := publishRTC(t, s, "/-/whip/none/one/cam", ""); status != http.StatusNotFound {
		t.Errorf("no application: %d %s", status, said)
	}
	b, err := os.ReadFile(s.Served()[0].KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(b))
	p, status, said := publishRTC(t, s, "/-/whip/app/one/cam", key)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	p.connected()
	live := s.running("app", "one").Live("cam")
	p.show(false, 1) // which nothing can begin with
	select {
	case <-p.asked:
	case <-time.After(servertest.Patience):
		t.Fatal("no keyframe was asked for")
	}
	p.showUntil("the stream has a picture", func() bool { return live.Newest() > 0 })
	for body, want := range map[string]int{"": http.StatusUnprocessableEntity, "v=0": http.StatusBadRequest, strings.Repeat("a", 1<<17): http.StatusRequestEntityTooLarge} {
		if status, _, said := askRTC(t, s, http.MethodPost, "/-/whep/app/one/cam", "", body); status != want {
			t.Errorf("an offer of %.10q: %d, want %d: %s", body, status, want, said)
		}
	}
	// A session that is still there does not hold up the end.
	v, status, said := watchRTC(t, s, "/-/whep/app/one/cam")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	v.connected()
	stop()
	servertest.Eventually(t, "no places are taken", func() bool { return s.open.Load() == 0 })
}

// Who publishes a name that its publisher is silent on takes it over, and the one before
// is told by the end of its session. Viewers stay.
func TestWebRTCTakeOver(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress, PublisherTimeout: time.Second}, open)
	first, status, said := publishRTC(t, s, "/-/whip/app/one/cam", "")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	first.connected()
	live := s.running("app", "one").Live("cam")
	first.showUntil("the stream has a picture", func() bool { return live.Newest() > 0 })
	v, status, said := watchRTC(t, s, "/-/whep/app/one/cam")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	v.connected()
	var second *rtcPublisher
	servertest.Eventually(t, "the name is taken over", func() bool {
		second, status, said = publishRTC(t, s, "/-/whip/app/one/cam", "")
		return status == http.StatusCreated
	})
	second.connected()
	for len(v.pictures) > 0 {
		<-v.pictures
	}
	second.showUntil("the viewer sees the second", func() bool { return len(v.pictures) > 0 })
	servertest.Eventually(t, "the first is gone", func() bool {
		switch first.pc.ConnectionState() {
		case pion.PeerConnectionStateClosed, pion.PeerConnectionStateFailed, pion.PeerConnectionStateDisconnected:
			return true
		}
		return false
	})
}

// One address has half of the sessions that there is memory for, and a page from
// elsewhere has none.
func TestWebRTCOfAnAddress(t *testing.T) {
	t.Parallel()
	budgets := budget.For(1<<28, 1000, nil)
	s, _ := runWith(t, Config{WebAddress: anyAddress, Budgets: budgets, rtcConnect: time.Hour}, open)
	p, status, said := publishRTC(t, s, "/-/whip/app/one/cam", "")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	p.connected()
	live := s.running("app", "one").Live("cam")
	p.showUntil("the stream has a picture", func() bool { return live.Newest() > 0 })
	offer := p.pc.LocalDescription().SDP
	most := int(budgets.WebRTC.Max() / webrtc.SessionMemory / 2)
	for n := 1; ; n++ {
		status, _, said := askRTC(t, s, http.MethodPost, "/-/whep/app/one/cam", "", offer)
		if status == http.StatusCreated && n < most {
			continue
		}
		if status != http.StatusServiceUnavailable || n != most || !strings.Contains(said, "half of all sessions") {
			t.Errorf("session %d of %d: %d %s", n, most, status, said)
		}
		break
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.WebAddr().String()+"/-/whip/app/one/other", strings.NewReader(offer))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://evil.example")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden || answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a page from elsewhere: %s %v", answer.Status, answer.Header)
	}
}

// What comes by RTMP as encoders send it is watched by WebRTC as far as that can be.
func TestWebRTCOfRTMP(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress}, open)
	config := "\x17\x00\x00\x00\x00\x01\x42\xc0\x0a\xff\xe1\x00\x06" + string(testSPS) + "\x01\x00\x04" + string(testPPS)
	picture := func(head string, later byte, unit []byte) string {
		return head + "\x01\x00\x00" + string([]byte{later}) + string(binary.BigEndian.AppendUint32(nil, uint32(len(unit)))) + string(unit)
	}
	p := &visitor{t: t, nc: insideWeb(t, s, "app/one")}
	publish := func(name string, messages ...*rtmp.Message) {
		ns := netStream(t, p)
		err := ns.Publish(t.Context(), name, "live")
		for _, m := range messages {
			if err == nil {
				err = ns.Send(t.Context(), m)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	video := func(at media.Timestamp, data string) *rtmp.Message {
		return &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: []byte(data)}
	}
	audio := func(at media.Timestamp, data string) *rtmp.Message {
		return &rtmp.Message{Type: rtmp.TypeAudio, Timestamp: at, Payload: []byte(data)}
	}
	plain := []*rtmp.Message{video(0, config), audio(0, "\xaf\x00\x12\x10"), video(0, picture("\x17", 0, slice(true, 1))), audio(10, "\xaf\x01\x21"), video(40, picture("\x27", 0, slice(false, 2)))}
	publish("plain", plain...)
	publish("reordered", video(0, config), video(0, picture("\x17", 80, slice(true, 1))), video(40, picture("\x27", 160, slice(false, 2))), video(80, picture("\x27", 0, slice(false, 3))),
		audio(90, "\xaf\x01\x21"))
	v, status, said := watchRTC(t, s, "/-/whep/app/one/plain")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	if !strings.Contains(v.left, "sound: WebRTC has no AAC") {
		t.Errorf("left out: %q", v.left)
	}
	v.sees(true, 1)
	v.sees(false, 2)
	if _, status, said := watchRTC(t, s, "/-/whep/app/one/reordered"); status != http.StatusNotAcceptable || !strings.Contains(said, "B-frames") {
		t.Errorf("B-frames: %d %s", status, said)
	}
}

// WebRTC may be off, and has the web's port by UDP where nothing else is said; a port
// that is taken is named with its flag.
func TestWebRTCAddress(t *testing.T) {
	t.Parallel()
	s, _ := runWith(t, Config{WebAddress: anyAddress, WebRTCAddress: WebRTCOff}, open)
	if status, _, said := askRTC(t, s, http.MethodPost, "/-/whep/app/one/cam", "", ""); status != http.StatusNotFound || !strings.Contains(said, "--webrtc-address") {
		t.Errorf("off: %d %s", status, said)
	}
	if s.WebRTCAddr() != nil {
		t.Errorf("off, it listens on %v", s.WebRTCAddr())
	}
	taken, _ := runWith(t, Config{WebAddress: anyAddress}, open)
	if taken.WebRTCAddr() == nil {
		t.Fatal("there is no UDP port")
	}
	again, err := New(Config{Data: t.TempDir(), RTMPAddress: anyAddress, HTTPAddress: anyAddress, WebAddress: anyAddress, WebRTCAddress: taken.WebRTCAddr().String()}, docs(t, open))
	if err != nil {
		t.Fatal(err)
	}
	defer again.close(t.Context())
	if err := again.Listen(); err == nil || !strings.Contains(err.Error(), "--webrtc-address") {
		t.Errorf("a port that is taken: %v", err)
	}
}
