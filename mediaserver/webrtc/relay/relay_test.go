package relay

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// network is servers, each with its relay, and what clients have got. It hands packets over at
// once, and loses none.
type network struct {
	t       testing.TB
	now     time.Time
	keys    [][]byte
	servers map[netip.AddrPort]*server
	got     []got
	spied   [][]byte // what servers have sent one another
}

type server struct {
	*Relay
	at netip.AddrPort
	in []got // packets for sessions of its own
}

// got is a packet: from whom, and for whom.
type got struct {
	from, to netip.AddrPort
	b        string
}

func newNetwork(t testing.TB) *network {
	return &network{t: t, now: time.Unix(1_800_000_000, 0), keys: [][]byte{[]byte("a key of the servers")}, servers: map[netip.AddrPort]*server{}}
}

func (n *network) add(address string) *server {
	at := netip.MustParseAddrPort(address)
	s := &server{at: at}
	s.Relay = New(Options{Address: at, Web: 80, Keys: func() [][]byte { return n.keys }, Now: func() time.Time { return n.now },
		Send: func(b []byte, to netip.AddrPort) error {
			if n.servers[to] != nil {
				n.spied = append(n.spied, bytes.Clone(b))
			}
			n.send(at, to, b)
			return nil
		}})
	n.servers[at] = s
	return s
}

// send hands a packet over.
func (n *network) send(from, to netip.AddrPort, b []byte) {
	s := n.servers[to]
	if s == nil {
		n.got = append(n.got, got{from, to, string(b)})
		return
	}
	if packet, as, mine := s.In(bytes.Clone(b), from); mine {
		s.in = append(s.in, got{from: as, b: string(packet)})
	}
}

// take is the only packet that has come since, to a server's sessions or from it to a client.
func take(t testing.TB, all *[]got) got {
	t.Helper()
	if len(*all) != 1 {
		t.Fatalf("%d packets have come, want 1: %v", len(*all), *all)
	}
	one := (*all)[0]
	*all = nil
	return one
}

func check(t testing.TB, user, password string) []byte {
	t.Helper()
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(user+":theirs"), stun.NewShortTermIntegrity(password), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

var (
	client = netip.MustParseAddrPort("203.0.113.9:5000")
	media  = []byte("\x80 a packet of RTP")
)

// begin has the client of a session come to a server, whose owner is another or the same, and
// returns what its address is for the owner's agent.
func (n *network) begin(at, owner *server, from netip.AddrPort, user, password string) netip.AddrPort {
	n.t.Helper()
	asks := check(n.t, user, password)
	n.send(from, at.at, asks)
	one := take(n.t, &owner.in)
	if one.b != string(asks) {
		n.t.Fatalf("the owner has got %x, want %x", one.b, asks)
	}
	n.answer(owner, at, from, one.from)
	return one.from
}

// answer has a session's agent answer a client, whose packet comes from a server.
func (n *network) answer(owner, by *server, to, as netip.AddrPort) {
	n.t.Helper()
	if _, err := owner.Write([]byte("\x01\x01an answer"), as); err != nil {
		n.t.Fatal(err)
	}
	if one := take(n.t, &n.got); one != (got{by.at, to, "\x01\x01an answer"}) {
		n.t.Fatalf("the client has got %+v", one)
	}
}

func (n *network) shows(at, owner *server, from, as netip.AddrPort) {
	n.t.Helper()
	n.send(from, at.at, media)
	if one := take(n.t, &owner.in); one.b != string(media) || one.from != as {
		n.t.Fatalf("the owner has got %q of %s, want %s", one.b, one.from, as)
	}
}

// A client who comes to another server has a session all the same, both ways, and goes on when
// it is handed to a third, and to the owner itself.
func TestAClientIsHandedAround(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{"IPv4": "10.0.0.%d:8088", "IPv6": "[fd00::%d]:8088"} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			owner, second, third := n.add(fmt.Sprintf(at, 1)), n.add(fmt.Sprintf(at, 2)), n.add(fmt.Sprintf(at, 3))
			user := owner.Name()
			if !regexp.MustCompile(`^[A-Za-z0-9+/]{4,256}$`).MatchString(user) {
				t.Errorf("%q is no ufrag", user)
			}
			owner.Enter(user, "password")
			for _, by := range []*server{second, third, owner, second, third} {
				as := n.begin(by, owner, client, user, "password")
				if as != client {
					t.Errorf("the agent has %s, want %s", as, client)
				}
				n.shows(by, owner, client, as)
				n.answer(owner, by, client, as)
				n.now = n.now.Add(time.Second)
			}
			owner.Leave(user)
			n.send(client, third.at, media)
			n.send(client, third.at, check(t, user, "password"))
			if len(owner.in) > 0 || len(n.got) > 0 || len(owner.byPath)+len(owner.byAlias)+len(owner.sessions) > 0 {
				t.Errorf("a session that has ended gets %+v, and has %d ways", owner.in, len(owner.byPath))
			}
		})
	}
}

// Who does not show the session's password gets nowhere, and nothing is kept of him.
func TestStrangers(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	owner, second := n.add("10.0.0.1:8088"), n.add("10.0.0.2:8088")
	user := owner.Name()
	owner.Enter(user, "password")
	other := New(Options{Address: netip.MustParseAddrPort("192.0.2.1:53"), Keys: func() [][]byte { return [][]byte{[]byte("another key")} }})
	cut := []byte(user)
	cut[3] ^= 1
	for name, b := range map[string][]byte{
		"a wrong password": check(t, user, "wrong"), "media": media, "an answer": []byte("\x01\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL"),
		"nobody's name": check(t, "abcd", "password"), "a name without a key": check(t, other.Name(), "password"), "a name that was changed": check(t, string(cut), "password"),
		"a wrapper": append([]byte("F\x01"), make([]byte, 200)...), "nothing": {},
	} {
		for _, at := range []*server{second, owner} {
			n.send(client, at.at, b)
		}
		if len(owner.in)+len(second.in)+len(n.got) > 0 {
			t.Errorf("%s is taken: %+v %+v %+v", name, owner.in, second.in, n.got)
		}
	}
	if len(owner.byPath)+len(second.passes)+len(owner.of)+len(owner.passes) != 1 { // the count of the other server's wrappers
		t.Errorf("something is kept: %v %v", owner.byPath, second.passes)
	}
	if _, err := owner.Write(media, client); err != nil || len(n.got) > 0 {
		t.Errorf("who has shown nothing gets %+v", n.got)
	}
	if owner.Counts().Refused == 0 {
		t.Error("nothing is counted")
	}
}

// A wrapper counts once, for the server that it is for, whole.
func TestWrappersThatLie(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	owner, second, third := n.add("10.0.0.1:8088"), n.add("10.0.0.2:8088"), n.add("10.0.0.3:8088")
	user := owner.Name()
	owner.Enter(user, "password")
	as := n.begin(second, owner, client, user, "password")
	n.begin(third, owner, client, user, "password")
	for _, b := range n.spied {
		for _, at := range []*server{owner, second, third} {
			n.send(second.at, at.at, b)
		}
		for i := range b {
			lie := bytes.Clone(b)
			lie[i] ^= 1
			n.send(second.at, owner.at, lie)
			n.send(third.at, second.at, lie)
			n.send(third.at, second.at, b[:i])
		}
	}
	if len(owner.in)+len(second.in)+len(third.in)+len(n.got) > 0 {
		t.Errorf("what has come before, or lies, is taken: %+v %+v", owner.in, n.got)
	}
	n.answer(owner, third, client, as)
}

// Two clients who look the same, as servers see them, have their own ways; and a session goes
// on when what its client looks like is another.
func TestAddressesThatAreHidden(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	owner, second, third := n.add("10.0.0.1:8088"), n.add("10.0.0.2:8088"), n.add("10.0.0.3:8088")
	var all []netip.AddrPort
	servers := []*server{owner, second, third}
	for i, by := range servers {
		user := owner.Name()
		owner.Enter(user, fmt.Sprint("password ", i))
		all = append(all, n.begin(by, owner, client, user, fmt.Sprint("password ", i)))
	}
	for i, by := range servers {
		n.shows(by, owner, client, all[i])
		n.answer(owner, by, client, all[i])
	}
	user := owner.Name()
	owner.Enter(user, "password")
	as := n.begin(second, owner, netip.MustParseAddrPort("10.1.0.1:1"), user, "password")
	n.shows(second, owner, netip.MustParseAddrPort("10.1.0.1:1"), as)
	if _, err := owner.Write(media, as); err != nil {
		t.Fatal(err)
	}
	take(t, &n.got)
	// Another address of a client who is heard is one more.
	if also := n.begin(third, owner, netip.MustParseAddrPort("10.1.0.1:2"), user, "password"); also == as {
		t.Errorf("both are %s", also)
	}
	n.now = n.now.Add(silence + time.Second)
	for _, from := range []string{"10.1.0.1:3", "10.1.0.1:2"} { // the second has a way already
		if moved := n.begin(third, owner, netip.MustParseAddrPort(from), user, "password"); moved != as {
			t.Errorf("a client who is heard from %s is %s, want %s", from, moved, as)
		}
		n.now = n.now.Add(silence + time.Second)
	}
}

// What is kept has bounds, and ends with the answers of the server that has the session.
func TestBounds(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	owner, second := n.add("10.0.0.1:8088"), n.add("10.0.0.2:8088")
	user := owner.Name()
	owner.Enter(user, "password")
	asks := check(t, user, "password")
	const most = 1000
	second.maxPasses = most
	for i := range most + 100 {
		n.send(netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 7), second.at, asks)
		one := owner.in[0]
		owner.in = nil
		if _, err := owner.Write(media, one.from); err != nil {
			t.Fatal(err)
		}
		n.spied, n.got = nil, nil
	}
	if len(owner.byPath) != maxWays || len(owner.byAlias) != maxWays || len(second.passes) != most {
		t.Errorf("a session has %d ways, and %d clients are passed on", len(owner.byPath), len(second.passes))
	}
	n.begin(second, owner, client, user, "password")
	n.send(client, second.at, media)
	if len(owner.in) > 0 {
		t.Error("one more client is passed on")
	}
	n.now = n.now.Add(passTime + time.Second)
	n.begin(second, owner, client, user, "password")
	n.send(client, second.at, media)
	take(t, &owner.in)
	n.now = n.now.Add(passTime + time.Second)
	n.send(client, second.at, media)
	if len(owner.in) > 0 {
		t.Error("what nobody answers is passed on")
	}
	n.begin(second, owner, client, user, "password")
	if len(second.passes) != 1 {
		t.Errorf("%d clients are kept who have gone", len(second.passes))
	}
}

// Keys are replaced without a cut: the new one is read everywhere before it is shown.
func TestKeysAreReplaced(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	owner, second := n.add("10.0.0.1:8088"), n.add("10.0.0.2:8088")
	user := owner.Name()
	owner.Enter(user, "password")
	as := n.begin(second, owner, client, user, "password")
	n.keys = [][]byte{[]byte("a key that is new here"), n.keys[0]}
	n.begin(second, owner, client, user, "password")
	n.shows(second, owner, client, as)
	n.keys = n.keys[:1:1]
	n.keys = append([][]byte(nil), n.keys...)
	n.shows(second, owner, client, as)
	n.answer(owner, second, client, as)
}

// A session's name leads to the server that has it, and to no other.
func TestSessionNames(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	owner, second := n.add("10.0.0.1:8088"), n.add("[fd00::2]:8088")
	for _, s := range []*server{owner, second} {
		name, other := s.SessionName(), second
		if s == second {
			other = owner
		}
		if at, ok := other.SessionOf(name); !ok || at != netip.AddrPortFrom(s.at.Addr(), 80) {
			t.Errorf("%s leads to %s, %v", name, at, ok)
		}
		if at, ok := s.SessionOf(name); ok {
			t.Errorf("to itself, %s leads to %s", name, at)
		}
		for _, wrong := range []string{"", "a", s.Name(), name[:len(name)-1], name + "A", "AAAA" + name[4:]} {
			if at, ok := other.SessionOf(wrong); ok {
				t.Errorf("%q leads to %s", wrong, at)
			}
		}
	}
}

func FuzzIn(f *testing.F) {
	n := newNetwork(f)
	owner, second := n.add("10.0.0.1:8088"), n.add("10.0.0.2:8088")
	user := owner.Name()
	owner.Enter(user, "password")
	n.begin(second, owner, client, user, "password")
	for _, b := range n.spied {
		f.Add(b)
	}
	f.Add(check(f, user, "password"))
	f.Add(check(f, user, "wrong"))
	f.Add(media)
	stranger := netip.MustParseAddrPort("198.51.100.1:1")
	right := check(f, user, "password")
	f.Fuzz(func(t *testing.T, b []byte) {
		n.t, n.got, n.spied, owner.in = t, nil, nil, nil
		owner.Leave(user)
		owner.Enter(user, "password")
		for _, at := range []*server{owner, second} {
			n.send(stranger, at.at, b)
		}
		if len(n.got) > 0 || len(n.spied) > 2 {
			t.Errorf("%x is answered: %+v, %d packets", b, n.got, len(n.spied))
		}
		if len(owner.in) > 0 && !authentic(b, "password") && !bytes.Equal(b, right) {
			t.Errorf("%x of a stranger is taken", b)
		}
	})
}

func FuzzName(f *testing.F) {
	n := newNetwork(f)
	n.keys = [][]byte{[]byte(rand.Text())} // of this process: others hand their names over
	owner, second := n.add("10.0.0.1:8088"), n.add("[fd00::2]:8088")
	made := map[string]bool{}
	for range 3 {
		for _, name := range []string{owner.Name(), second.Name(), owner.SessionName(), second.SessionName()} {
			made[name] = true
			f.Add(name)
		}
	}
	f.Fuzz(func(t *testing.T, name string) {
		if made[name] {
			return
		}
		if at, ok := second.owner([]byte(name)); ok {
			t.Errorf("%q names %s", name, at)
		}
		if at, ok := second.SessionOf(name); ok {
			t.Errorf("%q names %s", name, at)
		}
	})
}

// BenchmarkOwn is what a packet costs that has come to the server that has its session, and
// its answer, beside reading and sending them.
func BenchmarkOwn(b *testing.B) { benchmark(b, false) }

// BenchmarkPassedOn is the same where it comes to another server: both ends of it.
func BenchmarkPassedOn(b *testing.B) { benchmark(b, true) }

func benchmark(b *testing.B, passedOn bool) {
	n := newNetwork(b)
	owner, second := n.add("10.0.0.1:8088"), n.add("10.0.0.2:8088")
	user := owner.Name()
	owner.Enter(user, "password")
	at := owner
	if passedOn {
		at = second
	}
	as := n.begin(at, owner, client, user, "password")
	for _, s := range n.servers {
		s.opts.Now = time.Now
		s.opts.Send = func(b []byte, to netip.AddrPort) error {
			if other := n.servers[to]; other != nil {
				other.In(b, s.at)
			}
			return nil
		}
	}
	packet := append(bytes.Clone(media), make([]byte, 1184)...)
	b.SetBytes(int64(2 * len(packet)))
	b.ReportAllocs()
	for b.Loop() {
		at.In(packet, client)
		if _, err := owner.Write(packet, as); err != nil {
			b.Fatal(err)
		}
	}
}
