package budget

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	// unknownMemory is what a process has where nothing says it: as much as the
	// operator gives a server.
	unknownMemory = 1 << 30
	// ownMachine is how much of a machine's memory is for a process whose own has
	// no limit.
	ownMachine = 4
)

// Memory is how many bytes the process may have, and what says so, in words: the
// limit that it was given (GOMEMLIMIT), that of its container (control groups of
// version 2 or 1), else a quarter of the machine's memory.
func Memory() (limit int64, says string) {
	if n := debug.SetMemoryLimit(-1); n < math.MaxInt64 {
		return n, "GOMEMLIMIT"
	}
	return memory(os.DirFS("/"))
}

// Container is the limit of memory of the container that the process is in, in
// bytes; false when there is none.
func Container() (limit int64, ok bool) { return container(os.DirFS("/")) }

// memory is Memory of what files say; the tree is that of the machine.
func memory(root fs.FS) (limit int64, says string) {
	if n, ok := container(root); ok {
		return n, "the container's limit"
	}
	if n, ok := machine(root); ok {
		return n / ownMachine, fmt.Sprintf("1/%d of the machine's memory", ownMachine)
	}
	return unknownMemory, "nothing: it is a guess"
}

// container is the lowest limit of the control groups that the process is in. In
// a container, its own often seems to be the root.
func container(root fs.FS) (limit int64, ok bool) {
	limit = math.MaxInt64
	look := func(file string) {
		// The larger numbers of version 1 mean none.
		if n, is := readNumber(root, file); is && n > 0 && n < limit && n < 1<<62 {
			limit, ok = n, true
		}
	}
	own, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(own)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, found := strings.Cut(rest, ":")
		if !found || controllers != "" && controllers != "memory" {
			continue
		}
		// A limit of a group is one of all groups in it.
		for at := path.Clean("/" + group); at != "/"; at = path.Dir(at) {
			look("sys/fs/cgroup" + at + "/memory.max")
			look("sys/fs/cgroup/memory" + at + "/memory.limit_in_bytes")
		}
	}
	look("sys/fs/cgroup/memory.max")
	look("sys/fs/cgroup/memory/memory.limit_in_bytes")
	if total, is := machine(root); is && limit >= total {
		return 0, false // more than there is: no limit
	}
	return limit, ok
}

// readNumber reads a file with one number in it: "max" is none.
func readNumber(root fs.FS, file string) (int64, bool) {
	b, err := fs.ReadFile(root, file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return n, err == nil
}

// machine is the memory of the machine: MemTotal, in kB.
func machine(root fs.FS) (int64, bool) {
	b, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			return kb << 10, err == nil && kb > 0
		}
	}
	return 0, false
}
