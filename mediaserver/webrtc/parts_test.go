package webrtc

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"flashpod.dev/flashpod/mediaserver/media/payload"
)

// Packets come out in order, those that come late as long as they are waited for; what
// is lost is said once, at the next one.
func TestReorder(t *testing.T) {
	t.Parallel()
	const late = 2 * reorderTime
	type step struct {
		number uint16
		after  time.Duration
	}
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"in order":              {[]step{{65534, 0}, {65535, 0}, {0, 0}, {1, 0}}, "65534 65535 0 1"},
		"exchanged":             {[]step{{1, 0}, {3, 0}, {2, 0}, {4, 0}}, "1 2 3 4"},
		"twice":                 {[]step{{1, 0}, {2, 0}, {2, 0}, {1, 0}, {3, 0}}, "1 2 3"},
		"lost":                  {[]step{{1, 0}, {3, 0}, {4, late}, {2, 0}, {5, 0}}, "1 lost 3 4 5"},
		"lost twice":            {[]step{{1, 0}, {3, 0}, {5, 0}, {6, late}, {7, late}}, "1 lost 3 lost 5 6 7"},
		"more than are held":    {[]step{{1, 0}, {3, 0}, {3 + reorderSpan, 0}, {2, 0}, {4 + reorderSpan, late}}, "1 lost 3 lost 515 516"},
		"the publisher's other": {[]step{{1, 0}, {30000, 0}, {30001, 0}}, "1 lost 30000 30001"},
	} {
		var r reorder
		var got []string
		now := time.Unix(0, 0)
		for _, s := range c.steps {
			now = now.Add(s.after)
			r.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: s.number}}, now, func(p *rtp.Packet, lost bool) {
				if lost {
					got = append(got, "lost")
				}
				got = append(got, fmt.Sprint(p.SequenceNumber))
			})
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}

// ntpOf is a time of sender reports.
func ntpOf(at time.Duration) uint64 { return ntp(time.Unix(1_800_000_000, 0).Add(at)) }

// Pictures and sound are on one clock: by when they come first, and by the sender
// reports as soon as there are some. Times never go back, and a clock that begins anew
// goes on.
func TestClocks(t *testing.T) {
	t.Parallel()
	began := time.Unix(1000, 0)
	c := clocks{began: began, video: trackClock{rate: videoRate}, audio: trackClock{rate: opusRate}}
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	check := func(what string, track *trackClock, rtp uint32, now, want int) {
		t.Helper()
		if got := c.time(track, rtp, at(now)); int(got) != want {
			t.Errorf("%s: %d ms, want %d", what, got, want)
		}
	}
	video, audio := uint32(4294967000), uint32(5000) // RTP's clocks wrap
	check("the first sound", &c.audio, audio, 100, 100)
	check("sound 20 ms later", &c.audio, audio+960, 150, 120)
	check("the first picture, which was late", &c.video, video, 180, 180)
	check("a picture 40 ms later", &c.video, video+3600, 200, 220)
	// The first picture was taken 30 ms behind the first sound.
	c.report(&c.audio, ntpOf(20*time.Millisecond), audio+960)
	c.report(&c.video, ntpOf(30*time.Millisecond), video)
	check("a picture before what was said", &c.video, video+7200, 240, 220)
	check("a picture 120 ms behind the first", &c.video, video+10800, 280, 250)
	check("sound goes on", &c.audio, audio+1920, 281, 140)
	check("another clock", &c.video, 2_000_000_000, 1000, 1000)
	check("which goes on", &c.video, 2_000_000_900, 1010, 1010)
}

// What is packed comes out as it was, whatever its size.
func TestPackets(t *testing.T) {
	t.Parallel()
	sps, pps := []byte{0x67, 0x42, 0xc0, 0x0a, 1}, []byte{0x68, 0xce, 0x38}
	var config avcConfig
	record := appendAVC(nil, sps, pps)
	config, err := parseAVC(record)
	if err != nil || config.profile != 0x42 || config.lengthSize != 4 || len(config.sets) != 2 {
		t.Fatalf("%+v %v", config, err)
	}
	for _, size := range []int{1, maxPayload, maxPayload + 1, 5 * maxPayload} {
		unit := append([]byte{0x65}, bytes.Repeat([]byte{7}, size)...)
		picture := append([]byte{0, 0, byte(len(unit) >> 8), byte(len(unit))}, unit...)
		in, m := newFrames(payload.AVC, nil), pictures{codec: payload.AVC}
		number, whole := uint16(0), 0
		err := newPacker(payload.AVC, config).pack(picture, true, func(b []byte, last bool) error {
			number++
			return in.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: number, Marker: last, Timestamp: 9}, Payload: b}, false, func(b []byte, _ uint32) error {
				header, message, key, ok := m.message(b)
				whole++
				if !ok || !key || !bytes.Equal(header[5:], record) || !bytes.Equal(message[5:], picture) {
					t.Errorf("%d bytes: %v %v %x %x", size, ok, key, header, message)
				}
				return nil
			})
		})
		if err != nil || whole != 1 {
			t.Errorf("%d bytes: %d pictures, %v", size, whole, err)
		}
	}
}

// A picture of a publisher is bounded, and by what the budget has.
func TestFramesAreBounded(t *testing.T) {
	t.Parallel()
	in := newFrames(payload.VP8, nil)
	defer in.close()
	var err error
	for number := uint16(0); err == nil; number++ {
		if number > 10000 {
			t.Fatal("a picture that does not end is kept")
		}
		err = in.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: number, Timestamp: 1}, Payload: append([]byte{0x10}, make([]byte, 1000)...)}, false, nil)
	}
	if in.paid > maxFrame+frameStep || len(in.buf) != headSize {
		t.Errorf("%d bytes are paid for, %d kept", in.paid, len(in.buf))
	}
}

// What a viewer asks for once more has a bound.
func TestAskedIsBounded(t *testing.T) {
	t.Parallel()
	made, err := (&asked{}).NewInterceptor("")
	if err != nil {
		t.Fatal(err)
	}
	flood, err := (&rtcp.TransportLayerNack{Nacks: slices.Repeat([]rtcp.NackPair{{PacketID: 1, LostPackets: 0xffff}}, 100)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	reader := made.BindRTCPReader(interceptor.RTCPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		return copy(b, flood), a, nil
	}))
	packets := 0
	began := time.Now()
	for range 10 {
		_, attr, err := reader.Read(make([]byte, 2000), nil)
		if err != nil {
			t.Fatal(err)
		}
		list, err := attr.GetRTCPPackets(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, pair := range list[0].(*rtcp.TransportLayerNack).Nacks {
			packets += len(pair.PacketList())
		}
	}
	if most := askedAtOnce + int(time.Since(began).Seconds()*askedPerSecond) + 1; packets > most || packets < askedAtOnce-17 {
		t.Errorf("%d packets are sent once more, want %d at most", packets, most)
	}
}

// Packets of strangers are told apart by their first bytes.
func TestPlausible(t *testing.T) {
	t.Parallel()
	stun := append([]byte{0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 16)...)
	for name, c := range map[string]struct {
		packet []byte
		want   bool
	}{
		"nothing":              {nil, false},
		"STUN":                 {stun, true},
		"STUN without cookie":  {append([]byte{0, 1, 0, 4}, make([]byte, 20)...), false},
		"STUN, cut off":        {stun[:len(stun)-1], false},
		"DTLS":                 {append([]byte{22, 254, 253}, make([]byte, 20)...), true},
		"RTP":                  {append([]byte{0x80, 96}, make([]byte, 20)...), true},
		"a question about DNS": {append([]byte{7, 7, 1, 0}, make([]byte, 20)...), false},
		"TURN's channels":      {append([]byte{0x40, 0}, make([]byte, 20)...), false},
	} {
		if got := plausible(c.packet); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The file of addresses is read for each answer, with ports of their own; without it
// they are the machine's.
func TestAdvertised(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "addresses")
	a := &advertised{file: file, port: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8088}}
	for _, c := range []struct{ text, want string }{
		{"", "[127.0.0.1:8088]"},
		{"# nothing\n\n", "[127.0.0.1:8088]"},
		{"203.0.113.7\n2001:db8::1 # and by IPv6\n198.51.100.1:30088\n[2001:db8::2]:9\n", "[203.0.113.7:8088 [2001:db8::1]:8088 198.51.100.1:30088 [2001:db8::2]:9]"},
		{"localhost\n", "localhost"},
	} {
		if c.text != "" {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		all, err := a.addresses(t.Context())
		if c.want == "localhost" {
			if err != nil || len(all) == 0 || !all[0].Addr().IsLoopback() {
				t.Errorf("localhost is %v, %v", all, err)
			}
			continue
		}
		if got := fmt.Sprint(all); err != nil || got != c.want {
			t.Errorf("%q: %s, %v; want %s", c.text, got, err, c.want)
		}
	}
	if err := os.WriteFile(file, []byte("203.0.113.7:x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.addresses(t.Context()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a bad port: %v", err)
	}
	answer, err := withCandidates(chromiumOffer, []netip.AddrPort{netip.MustParseAddrPort("203.0.113.7:1")}, nil)
	if err != nil || strings.Contains(answer, "a.local") || strings.Count(answer, "a=candidate:1 1 udp 2130706431 203.0.113.7 1 typ host\r\n") != 2 {
		t.Errorf("%v\n%s", err, answer)
	}
}

// Of an offer that codec is taken which the stream has, in the form that it has.
func TestPick(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		show show
		want string
	}{
		"H.264 and Opus":        {show{video: payload.AVC, audio: payload.Opus, avc: avcConfig{profile: 0x64}}, "102 111 []"},
		"AV1 and AAC":           {show{video: payload.AV1, audio: payload.AAC}, "45 0 [sound: WebRTC has no AAC, only Opus]"},
		"VP9 alone":             {show{video: payload.VP9}, "98 0 []"},
		"VP8":                   {show{video: payload.VP8}, "96 0 []"},
		"Opus alone":            {show{audio: payload.Opus}, "0 111 []"},
		"AAC alone":             {show{audio: payload.AAC}, "nothing of the stream can be sent by WebRTC"},
		"H.265":                 {show{video: payload.HEVC, audio: payload.Opus}, "the stream's pictures are H.265"},
		"H.264 with B-frames":   {show{video: payload.AVC, reorders: true}, "the stream has B-frames"},
		"Sorenson's, which old": {show{video: 2}, "the stream's pictures are of an old kind (2)"},
	} {
		o, err := parseOffer([]byte(chromiumOffer))
		if err != nil {
			t.Fatal(err)
		}
		number := func(c *codec) uint8 {
			if c == nil {
				return 0
			}
			return c.number
		}
		video, audio, left, err := c.show.pick(o)
		got := fmt.Sprint(number(video), number(audio), left)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	o, err := parseOffer([]byte(chromiumOffer))
	if err != nil {
		t.Fatal(err)
	}
	if video, audio, left, err := pickPublished(o); err != nil || video.name != "H264" || video.rtx != 103 || audio.name != "OPUS" || len(left) > 0 {
		t.Errorf("a publisher: %+v %+v %v %v", video, audio, left, err)
	}
	for _, twice := range []string{"video", "audio"} {
		if _, err := parseOffer([]byte(chromiumOffer + "m=" + twice + " 9 UDP/TLS/RTP/SAVPF 96\r\n")); err == nil || !strings.Contains(err.Error(), "two sections of "+twice) {
			t.Errorf("%s twice: %v", twice, err)
		}
	}
}
