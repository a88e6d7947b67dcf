package relay

import (
	"encoding/binary"
	"net/netip"
	"sync"
)

// A wrapper is what servers send one another: this head, the packet, and 16 bytes that
// authenticate both and the server that it is for.
//
//	0      'F', which begins no packet of WebRTC's [RFC 7983 §7]
//	1      what it is: toOwner, toClient, asks or has
//	2..9   the sender's count of wrappers, big-endian
//	10..27 the sender: an address of IPv6, or of IPv4 in one, and a port
//	28..45 the client, the same way
const (
	first    = 'F'
	toOwner  = 1 // a client's packet, for the server whose session it is
	toClient = 2 // an owner's, for its client
	asks     = 3 // has no packet: who has a session of this client?
	has      = 4 // has none, either: the sender

	ofSender   = 10
	ofClient   = 28
	head       = 46
	tag        = 16
	maxPacket  = 2048 // bytes of a packet that is passed on: no network that clients are in has more
	maxWrapper = head + maxPacket + tag
)

// Wrapped says whether a packet is one of another server.
func Wrapped(b []byte) bool { return len(b) > 0 && b[0] == first }

// buffers are for wrappers that are made.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct {
	wrapper [maxWrapper]byte
	peer    [18]byte
}

// wrapper is one that was opened.
type wrapper struct {
	kind           byte
	sender, client netip.AddrPort
	packet         []byte
}

// wrap sends a packet to another server.
func (r *Relay) wrap(kind byte, client netip.AddrPort, packet []byte, to netip.AddrPort) error {
	if len(packet) > maxPacket {
		return errTooLong
	}
	of := buffers.Get().(*buffer)
	defer buffers.Put(of)
	b := append(of.wrapper[:0], first, kind)
	b = binary.BigEndian.AppendUint64(b, r.count.Add(1))
	b = appendAddress(b, r.opts.Address)
	b = appendAddress(b, client)
	b = append(b, packet...)
	b, ok := r.wrappers.add(b, tag, appendAddress(of.peer[:0], to), b)
	if !ok {
		return errNoKey
	}
	return r.opts.Send(b, to)
}

// open opens a wrapper; false: it is none, or not for this server, or has come before.
func (r *Relay) open(b []byte) (w wrapper, ok bool) {
	if len(b) < head+tag || b[0] != first || b[1] < toOwner || b[1] > has {
		return w, false
	}
	text := b[:len(b)-tag]
	if !r.wrappers.good(b[len(text):], r.self[:], text) {
		return w, false
	}
	w = wrapper{kind: b[1], sender: addressAt(b[ofSender:]), client: addressAt(b[ofClient:]), packet: text[head:]}
	return w, r.fresh(w.sender, binary.BigEndian.Uint64(b[2:]), r.opts.Now())
}

func appendAddress(dst []byte, a netip.AddrPort) []byte {
	ip := a.Addr().As16()
	return binary.BigEndian.AppendUint16(append(dst, ip[:]...), a.Port())
}

func addressAt(b []byte) netip.AddrPort {
	return plain(netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), binary.BigEndian.Uint16(b[16:])))
}

// plain is an address as it is compared: one of IPv4 is not in one of IPv6.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
