package webrtc

import (
	"bytes"
	"encoding/binary"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pion/rtp"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// chromiumOffer is what a page of Chromium offers that watches, shortened.
const chromiumOffer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 45 46 98 99\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=candidate:1 1 udp 2113937151 a.local 50000 typ host\r\n" +
	"a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 61:D0:A0:4B:81:0D:A5:F7:08:C7:CC:8C:6F:6D:0A:24:9D:1E:AF:96:ED:C3:8C:7E:31:5E:E1:4C:8E:21:A2:35\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
	"a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n" +
	"a=rtpmap:45 AV1/90000\r\na=fmtp:45 level-idx=5;profile=0;tier=0\r\na=rtpmap:46 rtx/90000\r\na=fmtp:46 apt=45\r\na=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=mid:1\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n"

// FuzzOffer answers offers of strangers, for a stream of each codec: they get an answer
// or a refusal, and leave nothing behind.
func FuzzOffer(f *testing.F) {
	f.Add([]byte(chromiumOffer), uint8(0))
	f.Add([]byte(chromiumOffer), uint8(3))
	f.Add([]byte("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 300 -1\r\n"), uint8(1))
	port, err := Listen("127.0.0.1:0", nil)
	if err != nil {
		f.Fatal(err)
	}
	h := New(nil, Options{Port: port, ConnectTimeout: time.Minute})
	f.Cleanup(h.Close)
	all := []payload.FourCC{payload.AVC, payload.VP8, payload.VP9, payload.AV1}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		if len(body) > maxOffer {
			return
		}
		o, err := parseOffer(body)
		if err != nil {
			return
		}
		s := &show{video: all[int(which)%len(all)], audio: payload.Opus}
		video, audio, _, err := s.pick(o)
		if err != nil {
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
		p, err := h.newPeer(r, "a/b/c", true)
		if err != nil {
			t.Fatal(err)
		}
		v := &viewer{peer: p, show: *s}
		answer, err := v.offered(r, o, video, audio)
		if err == nil && !bytes.Contains([]byte(answer), []byte("a=ice-lite")) {
			t.Errorf("the answer is\n%s", answer)
		}
		p.abandon()
	})
}

// FuzzPackets puts pictures together from packets of a publisher. What comes out is what
// RTMP has.
func FuzzPackets(f *testing.F) {
	f.Add([]byte{0}, []byte("\x03\x80\x67\x42\x00\x0a\x04\x80\x68\xce\x38\x80\x05\x81\x65\x88\x84"))
	f.Add([]byte{1}, []byte("\x0c\x81\x10\x00\x9d\x01\x2a\x10\x00\x10\x00\x00\x00"))
	f.Add([]byte{2}, []byte("\x06\x81\x08\x82\x49\x83\x42\x00"))
	f.Add([]byte{3}, []byte("\x06\x81\x18\x0a\x0b\x00\x00\x00"))
	all := []payload.FourCC{payload.AVC, payload.VP8, payload.VP9, payload.AV1}
	f.Fuzz(func(t *testing.T, kind, b []byte) {
		if len(kind) == 0 {
			return
		}
		codec := all[int(kind[0])%len(all)]
		in := newFrames(codec, nil)
		m := pictures{codec: codec}
		one := func(b []byte, _ uint32) error {
			header, message, _, ok := m.message(b)
			for _, p := range [][]byte{header, message} {
				if p == nil || !ok {
					continue
				}
				v, parsed := payload.ParseVideo(p)
				if !parsed || v.Codec != codec {
					t.Errorf("%x is no payload of %v", p, codec)
				}
			}
			return nil
		}
		var order reorder
		// Each packet: how long it is, how far ahead and with which marks, what is in it.
		for number := uint16(0); len(b) >= 2; number++ {
			n, marks := min(int(b[0]), len(b)-2), b[1]
			p := &rtp.Packet{Header: rtp.Header{SequenceNumber: number + uint16(marks&0x0f)*uint16(marks&0x0f), Timestamp: uint32(marks >> 4 & 3), Marker: marks&0x80 != 0}, Payload: b[2 : 2+n]}
			b = b[2+n:]
			order.push(p, time.Unix(int64(number), 0), func(p *rtp.Packet, lost bool) {
				_ = in.push(p, lost, one) // it begins anew
			})
		}
		in.close()
	})
}

// FuzzPicture sends pictures of a publisher to a viewer: packets have their size, and
// the NAL units of H.264 come out as they were.
func FuzzPicture(f *testing.F) {
	f.Add([]byte("\x17\x01\x00\x00\x00\x00\x00\x00\x03\x65\x88\x84"), uint16(3))
	f.Add([]byte("\x91vp09\x82\x49\x83\x42\x00\x00"), uint16(2000))
	f.Add([]byte("\x91av01\x12\x00\x0a\x0b\x00\x00\x00\x04\x3c\xff\xbc\xff\xf9\x80\x08\x32\x02\x10\x00"), uint16(4000))
	f.Add([]byte("\x91vp08\x10\x00\x00\x9d\x01\x2a\x10\x00\x10\x00"), uint16(1500))
	f.Fuzz(func(t *testing.T, b []byte, more uint16) {
		b = append(b, bytes.Repeat([]byte{1}, int(more))...)
		var s show
		s.message(&rtmp.Message{Type: rtmp.TypeVideo, Payload: b})
		if videoNames[s.video] == "" {
			return
		}
		v, ok := payload.ParseVideo(b)
		if !ok || v.Kind != payload.Frames {
			return
		}
		list := v.Tracks()
		track, ok := list.Next()
		if !ok || track.Codec != s.video {
			return
		}
		_, picture := v.Picture(track)
		var want, got []byte
		if s.video == payload.AVC {
			nals(picture, 4, func(u []byte) {
				if k := u[0] & 0x1f; k != nalDelimiter && k != nalFiller && k < 24 && len(u) > 1 {
					want = append(binary.BigEndian.AppendUint32(want, uint32(len(u))), u...)
				}
			})
		}
		in := newFrames(s.video, nil)
		packer := newPacker(s.video, avcConfig{lengthSize: 4})
		number := uint16(0)
		err := packer.pack(picture, false, func(b []byte, last bool) error {
			number++
			if len(b) > maxPayload {
				t.Errorf("a payload of %d bytes", len(b))
			}
			if s.video == payload.AVC && (len(b) < 2 || b[0]&0x1f >= 24 && b[0]&0x1f != nalFUA) {
				return nil
			}
			return in.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: number, Marker: last, Timestamp: 1}, Payload: b}, false, func(b []byte, _ uint32) error {
				got = append(got, b[headSize:]...)
				return nil
			})
		})
		if s.video == payload.AVC && err == nil && len(want) > 0 && !bytes.Equal(got, want) && !hasAggregates(picture) {
			t.Errorf("%x comes out as %x", want, got)
		}
	})
}

// sizes are pictures, as sizeOf takes them, of so many pixels.
var sizes = []struct {
	codec         payload.FourCC
	b             string
	width, height int
}{
	{payload.AVC, "\x67\x42\xc0\x0a\xda\x79", 16, 16},
	{payload.AVC, "\x67", 0, 0},
	{payload.VP8, "\x10\x00\x00\x9d\x01\x2a\x80\x02\xe0\x41", 640, 480},
	{payload.VP8, "\x10\x00\x00\x9d\x01\x2a\x80", 0, 0},
	{payload.VP8, "\x10\x00\x00\x9d\x01\x2b\x80\x02\xe0\x41", 0, 0},
	{payload.VP9, "\x82\x49\x83\x42\x00\x27\xf0\x1d\xf6\x00\x38\x24\x1c\x18", 640, 480},
	{payload.VP9, "\x86", 0, 0},
	{payload.AV1, "\x12\x00", 0, 0},
}

// What a publisher says of its pictures is a size, or none.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, c := range sizes {
		if w, h := sizeOf(c.codec, []byte(c.b)); w != c.width || h != c.height {
			t.Errorf("%#x %x: %d by %d, want %d by %d", uint32(c.codec), c.b, w, h, c.width, c.height)
		}
	}
}

// FuzzSize reads what strangers say of their pictures.
func FuzzSize(f *testing.F) {
	for _, c := range sizes {
		f.Add(uint32(c.codec), []byte(c.b))
	}
	f.Add(uint32(payload.AV1), []byte("\x12\x00\x0a\x0b\x00\x00\x00\x04\x3c\xff\xbc\xff\xf9\x80\x08"))
	f.Fuzz(func(t *testing.T, codec uint32, b []byte) {
		w, h := sizeOf(payload.FourCC(codec), b)
		if w < 0 || h < 0 || w > 1<<16 || h > 1<<16 || (w == 0) != (h == 0) {
			t.Errorf("%d by %d", w, h)
		}
		d := description{video: payload.FourCC(codec), width: w, height: h, sound: true, agent: "a"}
		if all, err := amf.DecodeAll(d.message()); err != nil || len(all) != 3 {
			t.Errorf("%v: %v", all, err)
		}
	})
}

// hasAggregates says whether a picture has NAL units of types that RTP has for itself
// [RFC 6184 table 1], or such as are too short to be one.
func hasAggregates(picture []byte) (has bool) {
	nals(picture, 4, func(u []byte) { has = has || u[0]&0x1f >= 24 || len(u) < 2 || u[0]&0x1f == 0 })
	return has
}
