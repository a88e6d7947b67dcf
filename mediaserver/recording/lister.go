package recording

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"flashpod.dev/flashpod/mediaserver/folders"
)

const (
	// maxVisits is how many folders a page looks into: where most are empty, it
	// ends before it is full.
	maxVisits = 1000
	// maxListed is how deep a recording may lie and be listed.
	maxListed = 32
	// highest comes behind whatever a name may begin with.
	highest = "\U0010FFFF"
)

// entry is a recorded stream, and its file.
type entry struct{ name, file string }

// lister looks through folders for one page, in the order of names.
type lister struct {
	store  *Store
	visits int // that are left
	want   int // how many are wanted
	found  []entry
	at     string // the list is complete up to here
}

// span is a part of all names that lies in one list: those after from, up to to.
type span struct {
	list     int
	prefix   string
	from, to string
}

// spans are all names in their order.
var spans = []span{
	{listFLV, "", "", "mp3:"},
	{listMP3, "mp3:", "mp3:", "mp3:" + highest},
	{listFLV, "", "mp3:" + highest, "mp4:"},
	{listMP4, "mp4:", "mp4:", "mp4:" + highest},
	{listFLV, "", "mp4:" + highest, highest},
}

// list finds up to want names after one. It is done when there are no more.
func (l *lister) list(ctx context.Context, after string, want int) (done bool, err error) {
	l.found, l.want, l.at = l.found[:0], want, after
	for _, s := range spans {
		if after >= s.to {
			continue
		}
		on, err := l.walk(ctx, s, ".", strings.TrimPrefix(max(after, s.from), s.prefix), strings.TrimPrefix(s.to, s.prefix))
		if err != nil || !on {
			return false, err
		}
		l.at = s.to
	}
	return true, nil
}

// walk finds the names of a folder that come after one, up to another, both
// without the folder's own. It returns false when that is enough.
func (l *lister) walk(ctx context.Context, s span, dir, after, to string) (on bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if l.visits--; l.visits < 0 {
		return false, nil
	}
	f, err := l.store.folders.Open(ctx, dir)
	switch {
	case err == nil:
	case dir == "." && l.store.root.empty(err):
		return true, nil
	case dir == ".", ctx.Err() != nil:
		return false, err
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	default:
		l.store.log.Warn("folder is not listed", "folder", dir, "err", err)
		return true, nil
	}
	files := feed{f: f, list: s.list, before: func(file string) bool { return keyOf(file) <= after }}
	inner := feed{f: f, list: listFolders, before: func(d string) bool { return d+"/" <= after && !strings.HasPrefix(after, d+"/") }}
	for {
		file, isFile, err := files.peek()
		if err != nil {
			return false, err
		}
		folder, isFolder, err := inner.peek()
		if err != nil {
			return false, err
		}
		switch {
		case isFolder && (!isFile || folder+"/" < keyOf(file)):
			if folder+"/" >= to {
				return true, nil
			}
			inner.next()
			rest, _ := strings.CutPrefix(after, folder+"/")
			if !strings.HasPrefix(after, folder+"/") {
				rest = ""
			}
			if on, err := l.enter(ctx, s, path.Join(dir, folder), rest); err != nil || !on {
				return false, err
			}
		case isFile && keyOf(file) < to:
			if len(l.found) == l.want {
				return false, nil
			}
			files.next()
			name, _ := nameOf(path.Join(dir, file))
			l.found = append(l.found, entry{name, path.Join(dir, file)})
			l.at = name
		default:
			return true, nil
		}
	}
}

// enter goes into a folder that streams may be in.
func (l *lister) enter(ctx context.Context, s span, dir, after string) (on bool, err error) {
	if l.store.another(dir) || strings.Count(dir, "/") >= maxListed {
		return true, nil
	}
	if on, err = l.walk(ctx, s, dir, after, highest); on && err == nil {
		l.at = s.prefix + dir + "/" + highest
	}
	return on, err
}

// feed gives the names of a list one after another.
type feed struct {
	f      *folders.Folder
	list   int
	before func(string) bool
	names  []string
	ended  bool
}

func (p *feed) peek() (name string, ok bool, err error) {
	const atOnce = 256
	if len(p.names) == 0 && !p.ended {
		if p.names, err = p.f.From(p.list, p.before, atOnce); err != nil {
			return "", false, err
		}
		p.ended = len(p.names) < atOnce
	}
	if len(p.names) == 0 {
		return "", false, nil
	}
	return p.names[0], true, nil
}

func (p *feed) next() {
	was := p.names[0]
	p.names = p.names[1:]
	p.before = func(name string) bool { return lists[p.list].Compare(name, was) <= 0 }
}
