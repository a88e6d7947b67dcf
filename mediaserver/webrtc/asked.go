package webrtc

import (
	"math/bits"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
)

const (
	// askedPerSecond is how many packets a viewer may ask for once more in a second,
	// and askedAtOnce how many at once: one that asks for more has a line that they
	// would not get through either.
	askedPerSecond = 300
	askedAtOnce    = 600
)

// asked bounds what is sent once more. It is a factory of interceptors.
type asked struct{}

// NewInterceptor implements interceptor.Factory.
func (*asked) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &askedBound{room: askedAtOnce, at: time.Now()}, nil
}

type askedBound struct {
	interceptor.NoOp

	mu   sync.Mutex
	room float64 // packets
	at   time.Time
}

// BindRTCPReader implements interceptor.Interceptor: it takes out of requests what is
// too much.
func (a *askedBound) BindRTCPReader(reader interceptor.RTCPReader) interceptor.RTCPReader {
	return interceptor.RTCPReaderFunc(func(b []byte, attr interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, attr, err := reader.Read(b, attr)
		if err != nil {
			return n, attr, err
		}
		if attr == nil {
			attr = interceptor.Attributes{}
		}
		packets, err := attr.GetRTCPPackets(b[:n])
		if err != nil {
			return n, attr, nil // what cannot be read is read by nobody
		}
		for _, p := range packets {
			if wanted, ok := p.(*rtcp.TransportLayerNack); ok {
				wanted.Nacks = wanted.Nacks[:a.take(wanted.Nacks)]
			}
		}
		return n, attr, nil
	})
}

// take is how many of the entries there is room for: each names one packet, and a bit
// for each of the sixteen behind it [RFC 4585 §6.2.1].
func (a *askedBound) take(entries []rtcp.NackPair) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.room = min(a.room+now.Sub(a.at).Seconds()*askedPerSecond, askedAtOnce)
	a.at = now
	for _, one := range entries {
		packets := 1 + bits.OnesCount16(uint16(one.LostPackets))
		if float64(packets) > a.room {
			break
		}
		a.room -= float64(packets)
		n++
	}
	return n
}
