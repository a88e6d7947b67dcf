package folders

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// dirent is something that lies in a folder.
type dirent struct {
	name string
	kind uint8 // DT_DIR, DT_REG, DT_LNK and others [readdir(3)]
}

// openFolder opens what is a folder, and waits for nothing else.
func openFolder(root Root, dir string) (*os.File, error) {
	return root.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// each visits all that lies in a folder, as long as visit says to go on. It asks
// the kernel itself: os would look at each file for what is known already.
func each(root Root, dir string, d *os.File, visit func(dirent) (on bool)) error {
	raw, err := d.SyscallConn()
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for {
		n, failed := 0, error(nil)
		if err := raw.Control(func(fd uintptr) {
			for n, failed = syscall.ReadDirent(int(fd), buf); errors.Is(failed, syscall.EINTR); {
				n, failed = syscall.ReadDirent(int(fd), buf)
			}
		}); err != nil {
			return err
		}
		if failed != nil {
			return os.NewSyscallError("readdirent", failed)
		}
		if n <= 0 {
			return nil
		}
		for b := buf[:n]; len(b) > 0; {
			e, rest := parseDirent(b)
			if b = rest; e.name == "" || e.name == "." || e.name == ".." {
				continue
			}
			if e.kind == syscall.DT_UNKNOWN {
				e.kind = kindOf(root, path.Join(dir, e.name))
			}
			if !visit(e) {
				return nil
			}
		}
	}
}

// parseDirent cuts the first of what getdents64(2) has returned: inode, offset,
// length of the entry, kind, name and zeros.
func parseDirent(b []byte) (e dirent, rest []byte) {
	const length, kind, name = 16, 18, 19
	if len(b) < name {
		return e, nil
	}
	n := int(binary.NativeEndian.Uint16(b[length:]))
	if n < name || n > len(b) {
		return e, nil
	}
	text, _, _ := bytes.Cut(b[name:n], []byte{0})
	return dirent{string(text), b[kind]}, b[n:]
}

// kindOf asks for what some file systems do not say.
func kindOf(root Root, file string) uint8 {
	info, err := root.Lstat(file)
	switch {
	case err != nil:
		return syscall.DT_UNKNOWN
	case info.IsDir():
		return syscall.DT_DIR
	case info.Mode().IsRegular():
		return syscall.DT_REG
	case info.Mode()&fs.ModeSymlink != 0:
		return syscall.DT_LNK
	}
	return syscall.DT_UNKNOWN
}

// listed says whether something in a folder is in a list. What a link leads to
// is seen when it is opened.
func listed(l List, e dirent) bool {
	switch e.kind {
	case syscall.DT_DIR:
		return l.Folders && l.Has(e.name)
	case syscall.DT_REG, syscall.DT_LNK:
		return !l.Folders && l.Has(e.name)
	}
	return false
}
