//go:build clients

package links

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

var (
	long  = flag.Bool("long", false, "run what takes minutes, and nothing else")
	probe = flag.Bool("probe", false, "run nothing, and say why nothing can run here, if so")
)

// inside says that this process has namespaces of its own.
const inside = "FLASHPOD_LINKS_INSIDE"

// TestMain runs the tests in namespaces of their own: what they do to networks, mounts and
// processes is seen by nobody else, and gone with them.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(inside) == "" {
		os.Exit(enter())
	}
	if err := settle(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if *probe {
		os.Exit(0)
	}
	code := m.Run()
	if err := writeFigures(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// enter runs this program again in namespaces of its own.
func enter() int {
	runtime.LockOSThread() // with this thread goes whoever it has started
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if id := os.Getuid(); id != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: id, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(1, exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "namespaces are not permitted here: %v\n", err)
		return 1
	}
	return 0
}

// settle makes the namespaces fit to live in, and tries whether all can be done there.
func settle() error {
	for _, err := range []error{
		syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("proc", "/proc", "proc", 0, ""),
	} {
		if err != nil {
			return fmt.Errorf("namespaces are not permitted here: mount: %w", err)
		}
	}
	tun, err := openTUN("probe")
	if err != nil {
		return err
	}
	_ = tun.Close()
	for _, line := range []string{
		"ip link set lo up",
		"ip link add name probe0 type veth peer name probe1",
		"tc qdisc add dev probe0 root tbf rate 1mbit burst 16kb latency 100ms",
		"ip link del probe0",
		"nft add table inet probe",
		"nft delete table inet probe",
	} {
		if err := command(line); err != nil {
			return err
		}
	}
	return nil
}
