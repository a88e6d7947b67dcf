package server

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"path"
	"strings"
)

// fingerprint is what the files of a script have: another means that some changed.
type fingerprint uint64

const (
	// maxScriptFiles and maxScriptDepth are how many names below a script's folder are
	// looked at, and how deep.
	maxScriptFiles = 5000
	maxScriptDepth = 8
)

// data are folders of an application's in which no scripts are looked for: there may
// be anything in them, and much of it.
var data = map[string]bool{"streams": true, "sharedobjects": true, "keys": true}

// fingerprint looks at the names, sizes and times of the script's files.
func (p *program) fingerprint() fingerprint {
	l := &scriptLook{files: p.config.Files, sum: fnv.New64a()}
	l.folder(".", 0)
	return fingerprint(l.sum.Sum64())
}

type scriptLook struct {
	files fs.FS
	seen  int
	sum   interface {
		Write([]byte) (int, error)
		Sum64() uint64
	}
}

// folder goes through one. What begins with a dot is left out: kubelet's own folders do,
// into which the names that count are links.
func (l *scriptLook) folder(at string, depth int) {
	entries, err := fs.ReadDir(l.files, at)
	if err != nil {
		return // it has gone, and the names in it
	}
	for _, e := range entries {
		name := path.Join(at, e.Name())
		if l.seen++; l.seen > maxScriptFiles || strings.HasPrefix(e.Name(), ".") || depth == 0 && data[e.Name()] {
			continue
		}
		info, err := fs.Stat(l.files, name) // a link is what it leads to
		switch {
		case err != nil:
		case info.IsDir() && depth < maxScriptDepth:
			l.folder(name, depth+1)
		case isScript(name):
			fmt.Fprintf(l.sum, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
	}
}

func isScript(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".asc", ".js", ".far":
		return true
	}
	return false
}
