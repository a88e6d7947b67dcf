package rtmp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
)

// tlsConfig is a server's, with a certificate of its own making.
var tlsConfig = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
})

// sealedPair is both ends of a TLS connection: the server's is a Conn, whose
// handshakes, that of TLS and RTMP's, are behind it.
func sealedPair(t testing.TB, version uint16, cfg Config) (server *Conn, client *Conn, far *tls.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		nc, err := NewTLSListener(ln, tlsConfig()).Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- nc
	}()
	tcp, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far = tls.Client(tcp, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
	near := <-accepted
	server = NewServerConn(near, cfg)
	if server.sealed == nil {
		t.Fatal("the server's end does not know its socket")
	}
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	client = NewClientConn(far, Config{})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client, far
}

// mostKept is the most, in bytes, that is to be kept of records that a socket does not
// take.
const mostKept = 100 << 10

var tlsVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// An owner writes to a TLS connection what its socket takes, small pieces and
// large ones, while the peer reads in its own time; everything arrives, and no
// goroutine is there between two writes.
func TestOwnerWritesToTLS(t *testing.T) {
	for _, version := range tlsVersions {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			server, client, _ := sealedPair(t, version, Config{})
			got := collect(t, client)
			if err := server.Send(SetChunkSize(ChunkSize)); err != nil {
				t.Fatal(err)
			}
			wake, ring := bell()
			server.Attach(ring)
			const count = 100
			var pieces [][]byte
			for i := range count {
				m := Message{Type: TypeVideo, StreamID: 1, Timestamp: media.Timestamp(i), Payload: pattern(i * i * 13 % 100000)}
				b := AppendChunks(nil, &m, ChunkSize)
				pieces = append(pieces, b[:headerBytes], b[headerBytes:])
			}
			finished := make(chan error, 1)
			go func() { finished <- writeAsOwner(server, wake, pieces) }()
			for i := range count {
				m := <-got
				if m.Timestamp != media.Timestamp(i) || !bytes.Equal(m.Payload, pattern(i*i*13%100000)) {
					t.Fatalf("message %d: %d bytes at %d", i, len(m.Payload), m.Timestamp)
				}
			}
			if err := <-finished; err != nil {
				t.Fatal(err)
			}
			if err := server.Send(Status(1, "status", "last", "")); err != nil {
				t.Fatal(err)
			}
			if m := <-got; m.Type != TypeCommand {
				t.Fatalf("last came type %d", m.Type)
			}
			if server.BytesOut() != client.BytesIn() {
				t.Errorf("%d bytes were sent, and %d came", server.BytesOut(), client.BytesIn())
			}
		})
	}
}

// bell is rung by whoever has something for an owner, who waits at the channel.
func bell() (rung <-chan struct{}, ring func()) {
	c := make(chan struct{}, 1)
	return c, func() {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// writeAsOwner writes the pieces of whole messages as an owner does, a few at a
// time, and lets go of the connection.
func writeAsOwner(c *Conn, wake <-chan struct{}, pieces [][]byte) error {
	for len(pieces) > 0 {
		if _, ok := c.TakeQueued(nil); !ok {
			<-wake
			continue
		}
		n, err := c.TryWritev(pieces[:min(len(pieces), 7)])
		if err != nil {
			return err
		}
		for len(pieces) > 0 && n >= len(pieces[0]) {
			n -= len(pieces[0])
			pieces = pieces[1:]
		}
		if n > 0 {
			pieces[0] = pieces[0][n:]
		}
	}
	c.Detach(nil)
	return nil
}

// A peer that does not read is given nothing more, and what is kept for it is
// little; the owner is woken when it reads again, and told when it never does.
func TestTLSPeerThatDoesNotRead(t *testing.T) {
	for _, reads := range []bool{true, false} {
		t.Run(fmt.Sprintf("reads=%v", reads), func(t *testing.T) {
			t.Parallel()
			server, client, _ := sealedPair(t, tls.VersionTLS13, Config{WriteTimeout: 500 * time.Millisecond})
			wake := make(chan struct{}, 1)
			server.Attach(func() {
				select {
				case wake <- struct{}{}:
				default:
				}
			})
			<-wake
			big := make([]byte, 1<<20)
			for {
				n, err := server.TryWritev([][]byte{big})
				if err != nil {
					t.Fatal(err)
				}
				if n < len(big) {
					break
				}
			}
			if _, ok := server.TakeQueued(nil); ok {
				t.Error("something may be written although the socket is full")
			}
			if _, kept := server.sealed.Kept(); kept > mostKept {
				t.Errorf("%d bytes are kept for it", kept)
			}
			if reads {
				go func() { _, _ = io.Copy(io.Discard, client.nc) }()
			}
			select {
			case <-wake:
			case <-time.After(patience):
				t.Fatal("the owner is not woken")
			}
			n, err := server.TryWritev([][]byte{big})
			if reads && (err != nil || n == 0) || !reads && err == nil {
				t.Errorf("then it took %d bytes, %v", n, err)
			}
			if !reads {
				<-server.Closed()
				if err := server.endedBy(nil); !errors.Is(err, ErrSlow) {
					t.Errorf("the connection ended by %v, want ErrSlow", err)
				}
			}
		})
	}
}

// TLS says that it ends behind all that was queued, also where the socket was
// full. The connection stays open: nothing else ends what the peer reads.
func TestTLSEndsBehindWhatWasQueued(t *testing.T) {
	for _, version := range tlsVersions {
		server, _, far := sealedPair(t, version, Config{})
		const size = 9 << 20
		if err := server.Send(&Message{Type: TypeVideo, Payload: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
		if err := server.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, far); err != nil || n < size {
			t.Errorf("%s: %d bytes came, %v", tls.VersionName(version), n, err)
		}
	}
}

// A TLS connection on which nothing happens holds little, and one that is
// written to allocates nothing.
func TestTLSPlayerTakesLittle(t *testing.T) {
	const count = 100
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var servers []*Conn
	done := make(chan struct{}, count)
	for range count {
		server, _, far := sealedPair(t, tls.VersionTLS13, Config{})
		go func() {
			_ = server.Serve(func(*Message) error { return nil })
			done <- struct{}{}
		}()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		server.Attach(func() {})
		servers = append(servers, server)
	}
	runtime.GC()
	runtime.GC() // pools
	runtime.ReadMemStats(&after)
	each := int64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse) / count
	t.Logf("%d KiB a connection, both ends together", each>>10)
	if each > 96<<10 {
		t.Errorf("%d bytes a connection, both ends together", each)
	}
	media := [][]byte{make([]byte, 5000)}
	server := servers[0]
	for i := range 2000 { // TLS begins with small records
		if n, err := server.TryWritev(media); err != nil || n == 0 && i == 0 {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	if allocs := testing.AllocsPerRun(100, func() { _, _ = server.TryWritev(media) }); allocs > 1 {
		t.Errorf("%v allocations a write", allocs)
	}
	for _, s := range servers {
		s.Close()
	}
	for range servers {
		<-done
	}
}
