package link

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// againAtMost is how long a socket waits at most until it sends again what was not
	// answered. By itself it waits twice as long each time, 13 s after ten: a link would be
	// given up that is there again. It must not be much shorter, for a socket ends after
	// fifteen times.
	againAtMost = 1500 * time.Millisecond
	// unsentMost is how many bytes of what is on its way a socket holds that it has not
	// sent: who sends is to know that the other end takes less, and not to find out when
	// megabytes are old.
	unsentMost = 256 << 10
)

// Tune has a socket of a link be as links need it, as far as the system can: after a cut it
// is back in a moment, and it holds little. Another connection than a socket stays as it is.
func Tune(nc net.Conn) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// A kernel before 6.15 does not know the first.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_RTO_MAX_MS, int(againAtMost.Milliseconds()))
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentMost)
	})
}
