package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"flashpod.dev/flashpod/mediaserver/folders"
	"flashpod.dev/flashpod/mediaserver/recording"
)

// instanceNames knows how instances are spelled: those of manifests, and the
// folders that lie on the disk. Two names that some disks do not tell apart, by
// case or by Unicode form, would be one folder there: the first has it, so that the
// data may be copied anywhere.
type instanceNames struct {
	manifests map[string]bool   // names of instances
	spelled   map[string]string // what they begin with, by what would be the same
	root      *os.Root
	index     *folders.Index
}

// folded is what a name has in common with those that some disks do not tell from
// it.
func folded(name string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
}

// foldedParts are what a name begins with, up to each slash and all of it: folded,
// and as it is.
func foldedParts(name string) func(yield func(folded, as string) bool) {
	return func(yield func(folded, as string) bool) {
		all := folded(name) // slashes stay
		f, n := 0, 0
		for {
			i, j := strings.IndexByte(all[f:], '/'), strings.IndexByte(name[n:], '/')
			if i < 0 || j < 0 {
				yield(all, name)
				return
			}
			f, n = f+i, n+j
			if !yield(all[:f], name[:n]) {
				return
			}
			f, n = f+1, n+1
		}
	}
}

// differs says that two names are too much alike.
func differs(name, other string) error {
	return fmt.Errorf("%w: %.64q differs from %.64q, which is there, by case or Unicode form alone: on some disks both would be one folder", recording.ErrBadName, name, other)
}

// sameFolders is the list of folders in the order of what disks tell apart.
var sameFolders = []folders.List{{
	Folders: true,
	Has:     func(name string) bool { return !strings.HasPrefix(name, ".") },
	Compare: func(a, b string) int {
		if c := strings.Compare(folded(a), folded(b)); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	},
}}

// newInstanceNames looks at the folder of an application's instances, which is
// there. close closes it.
func newInstanceNames(streams string, w *folders.Watcher, manifests map[string]bool) (*instanceNames, error) {
	root, err := os.OpenRoot(streams)
	if err != nil {
		return nil, err
	}
	n := &instanceNames{manifests: manifests, spelled: map[string]string{}, root: root, index: folders.New(root, w, sameFolders)}
	for name := range manifests {
		for f, as := range foldedParts(name) {
			n.spelled[f] = as
		}
	}
	return n, nil
}

func (n *instanceNames) close() {
	n.index.Close()
	n.root.Close()
}

// named says whether a manifest names the instance.
func (n *instanceNames) named(name string) bool { return n.manifests[name] }

// likeManifest fails with recording.ErrBadName for a name that a manifest spells in
// another way.
func (n *instanceNames) likeManifest(name string) error {
	for f, as := range foldedParts(name) {
		if other, ok := n.spelled[f]; ok && other != as {
			return differs(as, other)
		}
	}
	return nil
}

// check fails with recording.ErrBadName for a name that is spelled in another way on
// the disk. It may wait for that.
func (n *instanceNames) check(ctx context.Context, name string) error {
	for _, as := range foldedParts(name) {
		dir, part := path.Split(as)
		in, err := n.index.Open(ctx, path.Clean(dir))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		like, err := alike(in, part)
		if err != nil {
			return err
		}
		if like != "" {
			return differs(as, dir+like)
		}
	}
	return nil
}

// alike is a folder that differs from one only in what some disks do not tell
// apart; "": there is none, or the one itself is there, too.
func alike(in *folders.Folder, part string) (like string, err error) {
	const some = 16
	f := folded(part)
	found, err := in.From(0, func(name string) bool { return folded(name) < f }, some)
	if err != nil {
		return "", err
	}
	for _, name := range found {
		switch {
		case name == part:
			return "", nil
		case folded(name) == f:
			like = name
		}
	}
	return like, nil
}

// onDisk are the instances that have folders, in no order.
func (n *instanceNames) onDisk(ctx context.Context, c recording.Claims) (names []string, err error) {
	err = n.inside(ctx, c, "", &names)
	return names, err
}

// inside adds those in the folder of one, or with "" of none.
func (n *instanceNames) inside(ctx context.Context, c recording.Claims, name string, names *[]string) error {
	in, err := n.index.Open(ctx, path.Clean(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	const atOnce = 256
	after := func(string) bool { return false }
	for {
		found, err := in.From(0, after, atOnce)
		if err != nil {
			return err
		}
		for _, part := range found {
			at := path.Join(name, part)
			if recording.CheckInstance(at) != nil || !c.Has(at) {
				continue
			}
			*names = append(*names, at)
			if err := n.inside(ctx, c, at, names); err != nil {
				return err
			}
		}
		if len(found) < atOnce {
			return nil
		}
		last := found[len(found)-1]
		after = func(part string) bool { return sameFolders[0].Compare(part, last) <= 0 }
	}
}
