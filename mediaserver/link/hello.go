package link

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"syscall"
	"time"
)

// Preface is what a link begins with: no handshake of RTMP does [SPEC §5.2.2].
const Preface = "FLASHPOD LINK\r\n"

const (
	// version is that of the protocol, and oldest the one that is still spoken: servers
	// of an instance are rolled out one by one.
	//
	// 2: a feed says where a stream is cut (Marks.Cut), and when a player has what it
	// begins with (StateBody.Ready); an origin is asked about viewers by HTTP (Watch). An
	// edge asks anew for clients that it has (ConnectBody.Again), over a link that takes the
	// place of one before (Hello.Link), and an origin says that it goes (Going).
	//
	// 3: an origin that is an edge itself keeps its edges' clients when it loses its own
	// origin, and says what has come of asking for them anew (Returned, Lost).
	version = 3
	oldest  = 1
	// helloTime is how long a link may take until both ends know one another.
	helloTime = 10 * time.Second
	// maxHello bounds, in bytes, what is read of whoever has proved nothing.
	maxHello = 4 << 10
	// exporter names the keying material that proofs are made of.
	exporter  = "EXPORTER-flashpod-link"
	proofSize = 32
)

// Purpose is what a connection is for.
type Purpose string

// What connections are for.
const (
	Control Purpose = "control" // records, in both directions
	Feed    Purpose = "feed"    // a live stream, to the edge
	Publish Purpose = "publish" // a live stream, from the edge
	Read    Purpose = "read"    // pieces of a file, as the edge asks for them
)

// Hello is what an edge says of a connection that it opens.
type Hello struct {
	Purpose Purpose `cbor:"1,keyasint"`
	// Edge is which edge it is: one of a name, as long as the process lives.
	Edge string `cbor:"2,keyasint"`
	// Token is what a record of control has called the stream or file that the connection
	// is for; "" of Control.
	Token string `cbor:"3,keyasint,omitempty"`
	// Link is which of the edge's links a connection for Control is: one that comes again
	// takes the place of the one before.
	Link string `cbor:"4,keyasint,omitempty"`
	// Newest is the newest version that the edge says it speaks; 0: that which it does. It
	// is for those who try how an edge fares that is older than its origin.
	Newest int `cbor:"-"`
}

// greeting is a Hello on the wire.
type greeting struct {
	Hello
	Version int    `cbor:"10,keyasint"` // the newest that the edge speaks
	Oldest  int    `cbor:"11,keyasint"`
	Proof   []byte `cbor:"12,keyasint"`
	// More are the proofs of further keys that the edge has.
	More [][]byte `cbor:"13,keyasint,omitempty"`
}

// welcome is its answer.
type welcome struct {
	Version int    `cbor:"1,keyasint"`
	Proof   []byte `cbor:"2,keyasint"`
	Refused string `cbor:"3,keyasint,omitempty"` // why; "": it is welcome
	Key     bool   `cbor:"4,keyasint,omitempty"` // the edge's key is why
}

// ErrKey says that the other end has another key.
var ErrKey = errors.New("the other end has another link key: give both the same --link-key-file")

// RefusedError is why an origin does not take a connection.
type RefusedError struct {
	Reason string
	key    bool
}

// Error implements error.
func (e *RefusedError) Error() string { return "the origin refuses the link: " + e.Reason }

// Is says that it is an ErrKey where the key is why.
func (e *RefusedError) Is(err error) bool { return e.key && err == ErrKey }

// Certificate makes the certificate that an origin shows. It says nothing of anybody.
func Certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(100 * 365 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// Dial begins a link on a fresh connection to an origin, which it closes when it fails.
func Dial(ctx context.Context, nc net.Conn, keys Keys, h Hello) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	c, err := dial(ctx, nc, keys, h)
	if err != nil {
		nc.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("link to %s: %w", nc.RemoteAddr(), err)
	}
	return c, nil
}

// hungUp says whether the other end has ended a handshake as a server does that knows no
// links, at its port of RTMP or HTTP.
func hungUp(err error) bool {
	return errors.As(err, new(tls.RecordHeaderError)) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func dial(ctx context.Context, nc net.Conn, keys Keys, h Hello) (*Conn, error) {
	if _, err := nc.Write([]byte(Preface)); err != nil {
		return nil, err
	}
	// The key proves who the other end is, not a certificate.
	t := tls.Client(nc, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}) //nolint:gosec // see above
	if err := t.HandshakeContext(ctx); hungUp(err) {
		return nil, fmt.Errorf("%w: does it take links there? It needs --link-key-file, and takes them at its --link-address alone where it has one", err)
	} else if err != nil {
		return nil, err
	}
	ours, err := proofs(t, keys)
	if err != nil {
		return nil, err
	}
	newest := version
	if h.Newest > 0 {
		newest = min(h.Newest, version)
	}
	g := greeting{Hello: h, Version: newest, Oldest: oldest, Proof: ours[0].edge}
	ours = ours[:min(len(ours), MaxKeys)]
	for _, p := range ours[1:] {
		g.More = append(g.More, p.edge)
	}
	c := newConn(t)
	if err := c.WriteValue(kindHello, g); err != nil {
		return nil, err
	}
	var w welcome
	if err := c.readHello(&w); err != nil {
		return nil, err
	}
	if w.Refused != "" {
		return nil, &RefusedError{Reason: w.Refused, key: w.Key}
	}
	if !slices.ContainsFunc(ours, func(p proof) bool { return hmac.Equal(w.Proof, p.origin) }) {
		return nil, ErrKey
	}
	if w.Version < oldest || w.Version > newest {
		return nil, fmt.Errorf("the origin speaks version %d of the link, this edge %d to %d", w.Version, oldest, newest)
	}
	c.begin(w.Version)
	return c, nil
}

// Accept answers whoever has sent Preface, which was read. may is asked whether a
// connection is taken whose proof was good, and says why not: the edge is told. The
// connection is closed when it fails. newest is the newest version that is spoken; 0: that
// which there is.
func Accept(nc net.Conn, certificate tls.Certificate, keys Keys, newest int, may func(Hello) error) (*Conn, Hello, error) {
	_ = nc.SetDeadline(time.Now().Add(helloTime))
	if newest == 0 {
		newest = version
	}
	c, h, err := accept(nc, certificate, keys, newest, may)
	if err != nil {
		nc.Close()
		return nil, h, fmt.Errorf("link from %s: %w", nc.RemoteAddr(), err)
	}
	_ = nc.SetDeadline(time.Time{})
	return c, h, nil
}

func accept(nc net.Conn, certificate tls.Certificate, keys Keys, version int, may func(Hello) error) (*Conn, Hello, error) {
	t := tls.Server(nc, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, SessionTicketsDisabled: true})
	if err := t.Handshake(); err != nil {
		return nil, Hello{}, err
	}
	c := newConn(t)
	var g greeting
	if err := c.readHello(&g); err != nil {
		return nil, g.Hello, err
	}
	refuse := func(why error) (*Conn, Hello, error) {
		_ = c.WriteValue(kindHello, welcome{Refused: why.Error(), Key: errors.Is(why, ErrKey)})
		return nil, g.Hello, why
	}
	ours, err := proofs(t, keys)
	if err != nil { // what the edge has said is read: else it would see no more than a reset
		return refuse(err)
	}
	proof := answer(ours, append([][]byte{g.Proof}, g.More...))
	if proof == nil {
		return refuse(ErrKey)
	}
	if g.Version < oldest || g.Oldest > version {
		return refuse(fmt.Errorf("the edge speaks versions %d to %d of the link, this origin %d to %d", g.Oldest, g.Version, oldest, version))
	}
	if !slices.Contains([]Purpose{Control, Feed, Publish, Read}, g.Purpose) {
		return refuse(fmt.Errorf("a link for %.32q is not known here", g.Purpose))
	}
	if err := may(g.Hello); err != nil {
		return refuse(err)
	}
	speaks := min(g.Version, version)
	if err := c.WriteValue(kindHello, welcome{Version: speaks, Proof: proof}); err != nil {
		return nil, g.Hello, err
	}
	c.begin(speaks)
	return c, g.Hello, nil
}
