package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// pinnedMark is set for the process that pinSelf has begun again.
const pinnedMark = "FLASHPOD_BENCH_PINNED"

// pinSelf binds every thread of this process to a core. Threads take the
// binding of the one that makes them, and Go has made some by now: so the
// program begins again.
func pinSelf(core int) error {
	if os.Getenv(pinnedMark) != "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := setAffinity(core); err != nil {
		return err
	}
	return fmt.Errorf("begin again on core %d: %w", core, syscall.Exec(self, os.Args, append(os.Environ(), pinnedMark+"=1")))
}

// setAffinity binds the calling thread to cores below 64.
func setAffinity(cores ...int) error {
	var mask [16]uint64 // the kernel wants all of its own size
	for _, c := range cores {
		mask[0] |= 1 << c
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	if errno != 0 {
		return fmt.Errorf("bind to cores %v: %w", cores, errno)
	}
	return nil
}

// child is a process of ours that dies with us at the latest.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends it.
func (c *child) stop() {
	_ = c.cmd.Process.Kill() // fails only when it is gone
	<-c.done
}

// startOn starts a child that is bound to cores from its first instruction on.
func startOn(cmd *exec.Cmd, cores ...int) (*child, error) {
	started := make(chan error)
	c := &child{cmd: cmd, done: make(chan struct{})}
	go func() {
		// Never unlocked: the thread is bound otherwise than the rest, and ends
		// with its goroutine. Pdeathsig looks at the thread, so it stays until
		// the child is gone.
		runtime.LockOSThread()
		defer close(c.done)
		if err := setAffinity(cores...); err != nil {
			started <- err
			return
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the exit code of a process that is killed says nothing
		}
	}()
	return c, <-started
}

// preferThread lets the calling thread go before the others of its core, as
// far as the system allows: what measures time must not wait for what makes
// load.
func preferThread() {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), -15)
}

// usage is what a process has used and holds.
type usage struct {
	cpu time.Duration
	at  time.Time
	rss int64 // bytes
}

// used reads a process's CPU time, in nanoseconds where the kernel counts
// them, and what it has in memory.
func used(pid int) (usage, error) {
	u := usage{at: time.Now()}
	var err error
	if u.cpu, err = cpuOf(pid); err != nil {
		return u, err
	}
	u.rss, err = rssOf(pid)
	return u, err
}

func cpuOf(pid int) (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // the thread is gone
		}
		if ns, err := parseSchedstat(b); err == nil {
			total += ns
		}
	}
	if total > 0 {
		return total, nil
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(b)
}

// parseSchedstat takes the first field: time on a processor, in ns.
func parseSchedstat(b []byte) (time.Duration, error) {
	fields := strings.Fields(string(b))
	if len(fields) == 0 {
		return 0, errors.New("schedstat is empty")
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	return time.Duration(n), err
}

// parseStat takes utime and stime, in ticks of 10 ms on every Linux.
func parseStat(b []byte) (time.Duration, error) {
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])) // the name before may hold anything
	if len(fields) < 13 {
		return 0, errors.New("stat has an unknown form")
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

func rssOf(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseRSS(b)
}

// parseRSS finds VmRSS, in bytes.
func parseRSS(b []byte) (int64, error) {
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("status has no VmRSS")
}
