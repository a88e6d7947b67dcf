package webrtc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/sdp/v3"
)

const (
	// maxAdvertised bounds the addresses of an answer, and maxAdvertiseFile the bytes
	// of the file that names them.
	maxAdvertised    = 16
	maxAdvertiseFile = 16 << 10
	// lookupTime is how long names may take to become addresses, and keptFor how long
	// they are those: many may ask at once.
	lookupTime = 3 * time.Second
	keptFor    = 5 * time.Second
)

// advertised finds the addresses under which clients reach the port. The zero value has
// those of the machine.
type advertised struct {
	file string // addresses or names, one a line, each with a port where it is another; "": none
	port *net.UDPAddr

	mu    sync.Mutex // nothing is waited for while it is held
	names map[string]resolved
}

type resolved struct {
	addrs []netip.Addr
	until time.Time
}

// addresses are what answers name. A file that is not there yet, or names nothing, is
// none.
func (a *advertised) addresses(ctx context.Context) ([]netip.AddrPort, error) {
	if a.file != "" {
		named, err := a.fromFile(ctx)
		if err != nil || len(named) > 0 {
			return named, err
		}
	}
	return own(a.port)
}

func (a *advertised) fromFile(ctx context.Context) (all []netip.AddrPort, err error) {
	f, err := os.Open(a.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	lines := bufio.NewScanner(io.LimitReader(f, maxAdvertiseFile))
	for lines.Scan() && len(all) < maxAdvertised {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		host, port := line, uint16(a.port.Port)
		if h, p, err := net.SplitHostPort(line); err == nil {
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("%s: %.100q has no port of UDP", a.file, line)
			}
			host, port = h, uint16(n)
		}
		found, err := a.resolve(ctx, strings.Trim(host, "[]"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.file, err)
		}
		for _, one := range found {
			all = append(all, netip.AddrPortFrom(one.Unmap(), port))
		}
	}
	return all[:min(len(all), maxAdvertised)], lines.Err()
}

// resolve is the addresses of a host.
func (a *advertised) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if one, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{one}, nil
	}
	a.mu.Lock()
	kept := a.names[host]
	a.mu.Unlock()
	if time.Now().Before(kept.until) {
		return kept.addrs, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.names) >= maxAdvertised || a.names == nil {
		a.names = map[string]resolved{}
	}
	a.names[host] = resolved{found, time.Now().Add(keptFor)}
	return found, nil
}

// own are the addresses of the machine that a port is open on. The loopback is one only
// where there is no other, or the port is open on it alone.
func own(port *net.UDPAddr) ([]netip.AddrPort, error) {
	at := port.AddrPort()
	if !at.Addr().IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(at.Addr().Unmap(), at.Port())}, nil
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var all, loopback []netip.AddrPort
	for _, one := range list {
		prefix, err := netip.ParsePrefix(one.String())
		if err != nil || prefix.Addr().IsLinkLocalUnicast() {
			continue
		}
		addr := netip.AddrPortFrom(prefix.Addr().Unmap(), at.Port())
		if prefix.Addr().IsLoopback() {
			loopback = append(loopback, addr)
		} else {
			all = append(all, addr)
		}
	}
	if len(all) == 0 {
		all = loopback
	}
	return all[:min(len(all), maxAdvertised)], nil
}

// addresses are those of clients' connections, where packets go to some: the same ones,
// with its own number where that of the port is named.
func (t *TCP) addresses(packets []netip.AddrPort, port *net.UDPAddr) (all []netip.AddrPort) {
	for _, one := range packets {
		if int(one.Port()) == port.Port {
			one = netip.AddrPortFrom(one.Addr(), uint16(t.address.Port))
		}
		all = append(all, one)
	}
	return all
}

// withCandidates is an answer whose candidates are the addresses of UDP, and behind them
// those of TCP [RFC 8839 §5.1, RFC 6544 §4.5].
func withCandidates(answer string, addresses, tcp []netip.AddrPort) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return "", err
	}
	for _, m := range d.MediaDescriptions {
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool { return a.Key == "candidate" || a.Key == "end-of-candidates" })
		if m.MediaName.Port.Value == 0 {
			continue // it is refused
		}
		for i, one := range addresses {
			// [RFC 8445 §5.1.2.1]: type preference 126 of a host, of component 1.
			priority := 126<<24 | (65535-i)<<8 | 255
			m.Attributes = append(m.Attributes, sdp.Attribute{Key: "candidate", Value: fmt.Sprintf("%d 1 udp %d %s %d typ host", i+1, priority, one.Addr(), one.Port())})
		}
		for i, one := range tcp {
			// [RFC 6544 §4.2]: 90 of a host, and of those who wait 4 of 8.
			priority := 90<<24 | (4<<13|(8191-i))<<8 | 255
			m.Attributes = append(m.Attributes, sdp.Attribute{Key: "candidate", Value: fmt.Sprintf("%d 1 tcp %d %s %d typ host tcptype passive", len(addresses)+i+1, priority, one.Addr(), one.Port())})
		}
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: "end-of-candidates"})
	}
	b, err := d.Marshal()
	return string(b), err
}
