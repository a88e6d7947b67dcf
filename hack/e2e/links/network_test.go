//go:build clients

package links

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// command runs a line of words in the network of the thread that calls it.
func command(line string) error {
	words := strings.Fields(line)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// place is a network of its own, for one server. Clients reach it at address.
type place struct {
	t       *testing.T
	name    string
	keeper  *exec.Cmd // it is there as long as this program runs
	near    string    // the device that leads to it
	address string
}

// places and lines are how many have been made: each has addresses of its own.
var places, lines atomic.Int32

// newPlace makes a network that this one is connected with.
func newPlace(t *testing.T, name string) *place {
	t.Helper()
	n := places.Add(1)
	p := &place{t: t, name: name, keeper: exec.Command("cat"), near: fmt.Sprintf("to%d", n), address: fmt.Sprintf("10.10.%d.2", n)}
	p.keeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	stays, err := p.keeper.StdinPipe()
	must(t, err)
	must(t, p.keeper.Start())
	t.Cleanup(func() {
		_ = stays.Close()
		_ = p.keeper.Wait()
	})
	pid := p.keeper.Process.Pid
	must(t, command(fmt.Sprintf("ip link add name %s type veth peer name clients netns %d", p.near, pid)))
	must(t, command(fmt.Sprintf("ip addr add 10.10.%d.1/24 dev %s", n, p.near)))
	must(t, command(fmt.Sprintf("ip link set dev %s up", p.near)))
	p.run("ip link set lo up")
	p.run("ip addr add %s/24 dev clients", p.address)
	p.run("ip link set clients up")
	return p
}

// in calls something in the place's network.
func (p *place) in(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", p.keeper.Process.Pid))
		if err == nil {
			defer ns.Close()
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

func (p *place) run(format string, args ...any) {
	p.t.Helper()
	must(p.t, p.in(func() error { return command(fmt.Sprintf(format, args...)) }))
}

// line is what lies between an edge and its origin.
type line struct {
	edge, origin       *place
	edgeDev, originDev string // what it is called at either end
	to                 string // the origin's address on it
}

func newLine(edge, origin *place) *line {
	n := lines.Add(1)
	return &line{edge: edge, origin: origin, edgeDev: "home", originDev: fmt.Sprintf("down%d", n), to: fmt.Sprintf("10.20.%d.1", n)}
}

// lay connects the two by a wire.
func lay(edge, origin *place) *line {
	edge.t.Helper()
	l := newLine(edge, origin)
	edge.run("ip link add name home type veth peer name %s netns %d", l.originDev, origin.keeper.Process.Pid)
	l.address()
	return l
}

func (l *line) address() {
	l.edge.t.Helper()
	l.origin.run("ip addr add %s/24 dev %s", l.to, l.originDev)
	l.edge.run("ip addr add %s2/24 dev %s", strings.TrimSuffix(l.to, "1"), l.edgeDev)
	l.origin.run("ip link set dev %s up", l.originDev)
	l.edge.run("ip link set dev %s up", l.edgeDev)
}

// rate has no more than so much go over the line, in either direction; "": as much as may.
func (l *line) rate(rate string) {
	l.edge.t.Helper()
	for _, end := range []struct {
		*place
		dev string
	}{{l.edge, l.edgeDev}, {l.origin, l.originDev}} {
		if rate == "" {
			end.run("tc qdisc del dev %s root", end.dev)
		} else {
			end.run("tc qdisc replace dev %s root tbf rate %s burst 16kb latency 400ms", end.dev, rate)
		}
	}
}

// loses has so many of a thousand packets vanish, in either direction.
func (l *line) loses(perMille int) {
	l.edge.t.Helper()
	if perMille == 0 {
		l.edge.run("nft delete table inet loss")
		return
	}
	l.edge.run("nft add table inet loss")
	for _, way := range []string{"input iifname", "output oifname"} {
		hook, by, _ := strings.Cut(way, " ")
		l.edge.run("nft add chain inet loss %s { type filter hook %s priority 0 ; }", hook, hook)
		l.edge.run("nft add rule inet loss %s %s %s numgen random mod 1000 < %d drop", hook, by, l.edgeDev, perMille)
	}
}

// cut takes the line away, and mend gives it back.
func (l *line) cut()  { l.edge.t.Helper(); l.edge.run("ip link set dev %s down", l.edgeDev) }
func (l *line) mend() { l.edge.t.Helper(); l.edge.run("ip link set dev %s up", l.edgeDev) }

// counts has the connections counted that are opened over the line from now on.
func (l *line) counts() {
	l.edge.t.Helper()
	l.origin.run("nft add table inet opened")
	l.origin.run("nft add chain inet opened input { type filter hook input priority 0 ; }")
	l.origin.run("nft add rule inet opened input iifname %s tcp flags & (syn|ack) == syn counter", l.originDev)
}

// opened is how many there were.
func (l *line) opened() (n int) {
	l.edge.t.Helper()
	must(l.edge.t, l.origin.in(func() error {
		out, err := exec.Command("nft", "list", "table", "inet", "opened").Output()
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(out), "counter packets ")
		_, err = fmt.Sscan(rest, &n)
		return err
	}))
	return n
}

// openTUN makes a device in the network of the thread that calls it: what is routed there
// is read from the file, a packet at a time, and what is written has come from there.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("TUN device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), "tun"), nil
}
