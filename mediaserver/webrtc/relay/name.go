package relay

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// A name says of which server something is: a byte for what it names, the address (4 or 16
// bytes), the port (big-endian), random bytes, and what authenticates all that. Who has no key
// makes none: no stranger has a server send to an address of his choice.
const (
	nameUser    = 'u' // an ICE user name: the address is of UDP
	nameSession = 's' // a session, in HTTP: the address is of HTTP
	six         = 1   // added, where the address is of IPv6

	userRandom    = 8  // bytes: two sessions are not called the same
	sessionRandom = 16 // bytes: nobody guesses one
	nameTag       = 9  // bytes
	maxName       = 1 + 16 + 2 + sessionRandom + nameTag
)

// Letters of names: those of RFC 8839 §5.4, and those that a URL has as they are.
var (
	userLetters    = base64.RawStdEncoding.Strict()
	sessionLetters = base64.RawURLEncoding.Strict()
)

// Name is an ICE user name of a session of this server: 4 to 256 characters, as RFC 8839 §5.4
// has them.
func (r *Relay) Name() string {
	return r.name(nameUser, r.opts.Address, userRandom, userLetters)
}

// SessionName is what a session of this server is called in HTTP; only its client knows it.
func (r *Relay) SessionName() string {
	return r.name(nameSession, netip.AddrPortFrom(r.opts.Address.Addr(), r.opts.Web), sessionRandom, sessionLetters)
}

func (r *Relay) name(kind byte, of netip.AddrPort, random int, letters *base64.Encoding) string {
	ip := of.Addr().AsSlice()
	if len(ip) == 16 {
		kind += six
	}
	b := append(append(make([]byte, 0, maxName), kind), ip...)
	b = binary.BigEndian.AppendUint16(b, of.Port())
	b = b[:len(b)+random]
	_, _ = rand.Read(b[len(b)-random:]) // it does not fail
	b, _ = r.names.add(b, nameTag, b, nil)
	return letters.EncodeToString(b)
}

// SessionOf is the address of HTTP of the other server whose session is called so; false: it
// is this one's, or nobody's.
func (r *Relay) SessionOf(name string) (netip.AddrPort, bool) {
	of, ok := r.read([]byte(name), nameSession, sessionRandom, sessionLetters)
	return of, ok && of != netip.AddrPortFrom(r.opts.Address.Addr(), r.opts.Web)
}

// owner is the server that has made a user name.
func (r *Relay) owner(user []byte) (netip.AddrPort, bool) {
	return r.read(user, nameUser, userRandom, userLetters)
}

func (r *Relay) read(name []byte, kind byte, random int, letters *base64.Encoding) (of netip.AddrPort, ok bool) {
	var buffer [maxName]byte
	if letters.DecodedLen(len(name)) > len(buffer) {
		return of, false
	}
	n, err := letters.Decode(buffer[:], name)
	if err != nil || n < 1 || n != letters.DecodedLen(len(name)) { // it leaves ends of lines out
		return of, false
	}
	b, size := buffer[:n], 4
	if b[0] == kind+six {
		size = 16
	} else if b[0] != kind {
		return of, false
	}
	if n != 1+size+2+random+nameTag || !r.names.good(b[n-nameTag:], b[:n-nameTag], nil) {
		return of, false
	}
	ip, _ := netip.AddrFromSlice(b[1 : 1+size])
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[1+size:])), true
}
