package budget

import (
	"runtime/debug"
	"testing"
	"testing/fstest"
)

// What the process was told (GOMEMLIMIT) comes before all that is found out.
func TestMemoryLimit(t *testing.T) { // not parallel: the limit is the process's
	before := debug.SetMemoryLimit(3 << 30)
	defer debug.SetMemoryLimit(before)
	if limit, says := Memory(); limit != 3<<30 || says != "GOMEMLIMIT" {
		t.Errorf("%d bytes, says %s", limit, says)
	}
}

func TestMemoryOfAContainer(t *testing.T) {
	t.Parallel()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	machine := file("MemTotal:        8388608 kB\nMemFree:  1 kB\n")
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  int64
	}{
		"nothing is known":  {fstest.MapFS{}, unknownMemory},
		"a machine":         {fstest.MapFS{"proc/meminfo": machine}, 2 << 30},
		"nonsense":          {fstest.MapFS{"proc/meminfo": file("MemTotal: much"), "sys/fs/cgroup/memory.max": file("max\n")}, unknownMemory},
		"v2, seen as root":  {fstest.MapFS{"proc/meminfo": machine, "proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("1073741824\n")}, 1 << 30},
		"v2, without limit": {fstest.MapFS{"proc/meminfo": machine, "proc/self/cgroup": file("0::/a\n"), "sys/fs/cgroup/a/memory.max": file("max\n")}, 2 << 30},
		"v2, a group above": {fstest.MapFS{
			"proc/meminfo": machine, "proc/self/cgroup": file("0::/a/b\n"),
			"sys/fs/cgroup/a/memory.max": file("536870912\n"), "sys/fs/cgroup/a/b/memory.max": file("max\n"),
		}, 512 << 20},
		"v1": {fstest.MapFS{
			"proc/meminfo": machine, "proc/self/cgroup": file("11:cpu:/x\n4:memory:/pod\n"),
			"sys/fs/cgroup/memory/pod/memory.limit_in_bytes": file("268435456\n"),
		}, 256 << 20},
		"v1, without limit": {fstest.MapFS{
			"proc/meminfo": machine, "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, 2 << 30},
	} {
		if got, says := memory(c.files); got != c.want {
			t.Errorf("%s: %d (%s), want %d", name, got, says, c.want)
		}
	}
}

func FuzzMemory(f *testing.F) {
	f.Add("MemTotal: 1024 kB", "0::/a/../b", "max")
	f.Add("MemTotal:", "4:memory:/\n0::", "-1")
	f.Fuzz(func(t *testing.T, meminfo, cgroup, limit string) {
		files := fstest.MapFS{
			"proc/meminfo": {Data: []byte(meminfo)}, "proc/self/cgroup": {Data: []byte(cgroup)},
			"sys/fs/cgroup/memory.max": {Data: []byte(limit)},
		}
		if n, says := memory(files); n < 0 || says == "" {
			t.Errorf("%d, %q", n, says)
		}
	})
}
