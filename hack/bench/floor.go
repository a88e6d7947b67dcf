package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// The floor is a program that does only what cannot be left out: each interval
// it hands every player the interval's bytes in one system call. It speaks no
// RTMP, parses nothing, and keeps nothing a player. No server that sends with
// system calls is cheaper.

// interval of the floor's rounds: what spec.delivery.latency: Throughput does.
const interval = 350 * time.Millisecond

// The ways in which a floor sends.
const (
	viaSend     = "send"     // from memory: a live stream
	viaPread    = "pread"    // from a file by a buffer, each player elsewhere
	viaSendfile = "sendfile" // from a file without one
)

// floor is a running one, with its players.
type floor struct {
	*child
	load *loader
}

// startFloor starts a floor for n players; file is what those that read one
// read. Sending begins when all are connected.
func (b *bench) startFloor(n int, via, file string) (*floor, error) {
	return b.startFloorAt(n, via, file, int(bytesPerSecond()), interval)
}

// startFloorAt is startFloor with bytes a second for each player, and how often they
// are sent.
func (b *bench) startFloorAt(n int, via, file string, rate int, every time.Duration) (*floor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "floor", "-players", strconv.Itoa(n), "-rate", strconv.Itoa(rate), "-every", every.String(), "-via", via, "-file", file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	f := &floor{}
	if f.child, err = startOn(cmd, serverCore); err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		f.stop()
		return nil, fmt.Errorf("the floor does not start: %w", err)
	}
	addr, err := netip.ParseAddrPort(strings.TrimSpace(line))
	if err != nil {
		f.stop()
		return nil, err
	}
	if f.load, err = newLoader(addr, ""); err != nil {
		f.stop()
		return nil, err
	}
	if err := f.load.open(n, same(nil)); err != nil {
		f.end()
		return nil, err
	}
	return f, nil
}

func (f *floor) end() {
	f.stop()
	f.load.close()
}

// floorCost measures a floor: CPU in µs per MB.
func (b *bench) floorCost(n int, via, file string, how pace) (float64, error) {
	f, err := b.startFloor(n, via, file)
	if err != nil {
		return 0, err
	}
	defer f.end()
	f.load.pace = how
	f.load.run(time.Second)
	return measure(f.child, f.load, b.window)
}

// measure is the CPU that a process uses per MB that its players get, in µs.
func measure(c *child, l *loader, window time.Duration) (float64, error) {
	l.mark()
	before, err := used(c.pid())
	if err != nil {
		return 0, err
	}
	l.run(window)
	after, err := used(c.pid())
	if err != nil {
		return 0, err
	}
	if l.dead > 0 {
		return 0, fmt.Errorf("%d players lost their connection: %w", l.dead, l.why)
	}
	if l.since() == 0 {
		return 0, errors.New("nothing was sent")
	}
	return perMB(after.cpu-before.cpu, l.since()), nil
}

// floorMain is the child.
func floorMain(args []string) error {
	set := flag.NewFlagSet("floor", flag.ContinueOnError)
	n := set.Int("players", 1, "connections to wait for")
	rate := set.Int("rate", 0, "bytes a second for each")
	every := set.Duration("every", interval, "how often they are sent")
	via := set.String("via", viaSend, "send, pread or sendfile")
	file := set.String("file", "", "what pread and sendfile read")
	if err := set.Parse(args); err != nil {
		return err
	}
	if err := raiseFiles(); err != nil {
		return err
	}
	runtime.LockOSThread()
	fds, err := acceptAll(*n)
	if err != nil {
		return err
	}
	piece := max(1, int(float64(*rate)*every.Seconds()))
	send, err := sender(*via, *file, *n, piece)
	if err != nil {
		return err
	}
	for round := int64(0); ; round++ {
		nap(round*int64(*every) - clock())
		for i, fd := range fds {
			send(i, fd)
		}
	}
}

// acceptAll says where it listens, and waits for all players.
func acceptAll(n int) ([]int, error) {
	ln, addr, err := listen()
	if err != nil {
		return nil, err
	}
	fmt.Println(addr)
	fds := make([]int, n)
	for i := range fds {
		if fds[i], _, err = syscall.Accept4(ln, syscall.SOCK_NONBLOCK); err != nil {
			return nil, err
		}
		if err := syscall.SetsockoptInt(fds[i], syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
			return nil, err
		}
	}
	epoch = time.Now() // rounds count from here
	return fds, nil
}

// listen takes a port of the kernel's choosing.
func listen() (int, netip.AddrPort, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, netip.AddrPort{}, fmt.Errorf("socket: %w", err)
	}
	loopback := [4]byte{127, 0, 0, 1}
	err = errors.Join(
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: loopback}),
		syscall.Listen(fd, 4096),
	)
	var at *syscall.SockaddrInet4
	if err == nil {
		var name syscall.Sockaddr
		if name, err = syscall.Getsockname(fd); err == nil {
			at, _ = name.(*syscall.SockaddrInet4)
		}
	}
	if err != nil || at == nil {
		closeSocket(fd)
		return -1, netip.AddrPort{}, fmt.Errorf("listen on 127.0.0.1: %w", err)
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4(loopback), uint16(at.Port)), nil
}

// sender returns what sends one round to player i. What a socket does not take
// is left out: a floor waits for no player.
func sender(via, file string, n, piece int) (func(i, fd int), error) {
	buf := make([]byte, piece)
	if via == viaSend {
		return func(_, fd int) {
			_, _, _ = syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(piece), syscall.MSG_NOSIGNAL, 0, 0)
		}, nil
	}
	src, err := syscall.Open(file, syscall.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	var info syscall.Stat_t
	if err := syscall.Fstat(src, &info); err != nil {
		return nil, err
	}
	size := info.Size
	offsets := make([]int64, n)
	for i := range offsets {
		offsets[i] = size / int64(n) * int64(i)
	}
	next := func(i int) int64 {
		if offsets[i]+int64(piece) > size {
			offsets[i] = 0
		}
		at := offsets[i]
		offsets[i] += int64(piece)
		return at
	}
	if via == viaSendfile {
		return func(i, fd int) {
			at := next(i)
			_, _, _ = syscall.RawSyscall6(syscall.SYS_SENDFILE, uintptr(fd), uintptr(src), uintptr(unsafe.Pointer(&at)), uintptr(piece), 0, 0)
		}, nil
	}
	return func(i, fd int) {
		_, _, _ = syscall.RawSyscall6(syscall.SYS_PREAD64, uintptr(src), uintptr(unsafe.Pointer(&buf[0])), uintptr(piece), uintptr(next(i)), 0, 0)
		_, _, _ = syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(piece), syscall.MSG_NOSIGNAL, 0, 0)
	}, nil
}
