package relay

import (
	"net/netip"
	"testing"
	"time"
)

// Media of a client whom the load balancer has moved is followed before its next check, both
// ways, by servers that have heard of one another; the way is moved by the check alone.
func TestMediaIsFollowed(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	owner, second, third := n.add("10.0.0.1:8088"), n.add("10.0.0.2:8088"), n.add("10.0.0.3:8088")
	users := []string{owner.Name(), owner.Name()}
	for _, user := range users {
		owner.Enter(user, "password")
	}
	as := n.begin(second, owner, client, users[0], "password")
	sent := func(by ...*server) {
		t.Helper()
		if _, err := owner.Write(media, as); err != nil {
			t.Fatal(err)
		}
		for i, one := range by {
			if i >= len(n.got) || n.got[i] != (got{one.at, client, string(media)}) {
				t.Fatalf("the client has got %+v", n.got)
			}
		}
		if len(n.got) != len(by) {
			t.Fatalf("the client has got %+v", n.got)
		}
		n.got = nil
	}
	drops := func(at *server) {
		t.Helper()
		n.send(client, at.at, media)
		if len(owner.in) > 0 {
			t.Fatalf("the owner has got %+v", owner.in)
		}
	}
	drops(third) // which knows nobody
	n.now = n.now.Add(askTime)
	n.begin(third, owner, netip.MustParseAddrPort("203.0.113.8:1"), users[1], "password")
	drops(third) // and asks
	n.shows(third, owner, client, as)
	sent(third, second)
	n.begin(third, owner, client, users[0], "password")
	sent(third)

	// To one that still passes the client's packets on.
	n.shows(second, owner, client, as)
	sent(second, third)
	n.begin(second, owner, client, users[0], "password")
	n.begin(third, owner, client, users[0], "password")
	sent(third)

	// To the owner itself, who asks nobody.
	n.shows(owner, owner, client, as)
	sent(owner, third)
	// Who only looks as if he had moved gets no more than that, for a while.
	n.now = n.now.Add(bothTime)
	sent(third)
	drops(owner)
	n.shows(third, owner, client, as)
	n.now = n.now.Add(bothAgain)
	n.shows(owner, owner, client, as)
	sent(owner, third)

	// A client who has shown another session's password since is that one's.
	n.now = n.now.Add(bothAgain)
	mine := second.Name()
	second.Enter(mine, "password")
	n.send(client, second.at, check(t, mine, "password"))
	take(t, &second.in)
	if err := owner.wrap(has, client, nil, second.at); err != nil {
		t.Fatal(err)
	}
	n.send(client, second.at, media)
	take(t, &second.in)
	owner.Leave(users[0])
	n.now = n.now.Add(time.Hour)
	drops(third)
	drops(owner)
}

// Strangers whose media comes from many addresses have others asked so often, and no oftener.
func TestAskingHasBounds(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	owner := n.add("10.0.0.1:8088")
	user := owner.Name()
	owner.Enter(user, "password")
	for i := range maxAskedOf + 10 { // whom it has heard of
		n.begin(n.add(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 8088).String()), owner, client, user, "password")
	}
	for range 2 {
		n.spied = nil
		for i := range maxAsked + 100 {
			for range 2 {
				n.send(netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 7), owner.at, media)
			}
		}
		if len(n.spied) != maxAsked*maxAskedOf {
			t.Errorf("others are asked %d times", len(n.spied))
		}
		n.now = n.now.Add(askTime)
	}
	n.now = n.now.Add(heardTime)
	n.spied = nil
	n.send(netip.MustParseAddrPort("198.51.100.1:1"), owner.at, media)
	if len(n.spied) > 0 {
		t.Errorf("%d servers are asked that were not heard of any more", len(n.spied))
	}
}
