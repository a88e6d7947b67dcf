package applications

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"flashpod.dev/flashpod/mediaserver/script"
)

// Application is a folder that is one.
type Application struct {
	Name   string
	Folder string
	// Main is the file that its script begins with, below Folder, with slashes; "": it
	// has none, and every client is accepted.
	Main string
	// Configuration is what its Application.xml says; the zero value where there is none.
	Configuration Configuration
}

// Skipped is a folder that is none, and why.
type Skipped struct {
	Folder string
	Reason string
}

// namePattern is what the first part of an RTMP URL's path may be.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]*$`)

const (
	maxName = 64
	// maxApplications is how many one folder may have.
	maxApplications = 10_000
)

// configurations are where an Application.xml may lie in an application's folder, the
// first that is there.
var configurations = []string{"Application.xml", "conf/Application.xml"}

// Read reads what applications a folder has, by their names. A folder whose name no
// URL can have, or that cannot be read, is skipped.
func Read(folder string) (all []Application, skipped []Skipped, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("applications: %w", err)
	}
	for _, e := range entries {
		at := filepath.Join(folder, e.Name())
		info, err := os.Stat(at) // a link to a folder is one
		if strings.HasPrefix(e.Name(), ".") || err != nil || !info.IsDir() {
			continue
		}
		switch {
		case len(e.Name()) > maxName || !namePattern.MatchString(e.Name()):
			skipped = append(skipped, Skipped{at, "its name is none for an application: letters, digits, '_', '-' and '.', not beginning with a dot, 64 at most"})
			continue
		case len(all) == maxApplications:
			return nil, nil, fmt.Errorf("applications: %s has more than %d folders: is it the right one?", folder, maxApplications)
		}
		one, err := read(e.Name(), at)
		if err != nil {
			skipped = append(skipped, Skipped{at, err.Error()})
			continue
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Application) int { return cmp.Compare(a.Name, b.Name) })
	return all, skipped, nil
}

func read(name, folder string) (a Application, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return a, err
	}
	defer root.Close()
	a = Application{Name: name, Folder: folder}
	if a.Main, _, err = script.Find(root.FS(), name); err != nil {
		return a, err
	}
	for _, file := range configurations {
		f, err := root.Open(filepath.FromSlash(file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return a, err
		}
		a.Configuration, err = parse(f)
		f.Close()
		if err != nil {
			return a, fmt.Errorf("%s: %w", file, err)
		}
		a.Configuration.File = file
		break
	}
	return a, nil
}
