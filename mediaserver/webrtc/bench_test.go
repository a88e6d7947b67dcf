package webrtc

import (
	"testing"

	"flashpod.dev/flashpod/mediaserver/media"
)

// BenchmarkDelay is how long a picture of 4 KB takes from its publisher to a client of
// pion's in this process, through ICE, DTLS and SRTP.
func BenchmarkDelay(b *testing.B) {
	s := newSite(b, Options{})
	s.show(0, true, 4000, 1)
	w := s.watch()
	w.sees(b, 1)
	at := media.Timestamp(0)
	b.ResetTimer()
	for i := range b.N {
		at += 40
		n := byte(i%200) + 2
		s.show(at, i%50 == 0, 4000, n)
		w.sees(b, n)
	}
}

// BenchmarkPack is what cutting a picture of H.264 of 40 KB into packets costs.
func BenchmarkPack(b *testing.B) {
	unit := append([]byte{0, 0, 0x9c, 0x40, 0x41}, make([]byte, 39999)...)
	p := newPacker(0, avcConfig{lengthSize: 4})
	b.SetBytes(int64(len(unit)))
	b.ReportAllocs()
	for range b.N {
		if err := p.pack(unit, false, func([]byte, bool) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
