package script

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
)

// Find is the file that an application's script begins with, in the order in which
// Flash Media Server looked: an archive (.far, a zip, which stands for a folder) before others; false:
// there is none.
func Find(files fs.FS, application string) (file string, ok bool, err error) {
	name := path.Base(application)
	for _, file := range []string{
		"scripts/main.far", "main.far", "scripts/" + name + ".far", name + ".far",
		"scripts/main.asc", "main.asc", "scripts/main.js", "main.js",
		"scripts/" + name + ".asc", name + ".asc", "scripts/" + name + ".js", name + ".js",
	} {
		info, err := fs.Stat(files, file)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		case err != nil:
			return "", false, fmt.Errorf("look for the script: %w", err)
		case !info.IsDir():
			return file, true, nil
		}
	}
	return "", false, nil
}

// folders are where the files of a script are, in their order: an archive, the
// application's folder, the library.
type folders []fs.FS

// openFolders finds a script; false: there is none.
func openFolders(cfg *Config) (in folders, main string, ok bool, err error) {
	found, ok, err := Find(cfg.Files, cfg.Application)
	if err != nil || !ok {
		return nil, "", false, err
	}
	from, main, err := unpack(cfg.Files, found, cfg.Application)
	if err != nil {
		return nil, "", false, err
	}
	in = folders{from}
	if main != found {
		in = append(in, cfg.Files)
	}
	if cfg.Library != nil {
		in = append(in, cfg.Library)
	}
	return in, main, true, nil
}

// read reads a file of the application's, or of the library's if it has none.
func (in folders) read(name string) (data []byte, err error) {
	err = fs.ErrNotExist
	if !fs.ValidPath(name) {
		return nil, err
	}
	for _, from := range in {
		if data, err = readUpTo(from, name, dialect.MaxSize+1); !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, err
}

// readUpTo reads so much of a file.
func readUpTo(from fs.FS, name string, most int64) ([]byte, error) {
	f, err := from.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, most))
	return data, errors.Join(err, f.Close())
}

var errOutside = errors.New("a path that leaves the folder: name a file below it, with neither .. nor a colon")

// find reads what load was asked for: beside the file that loads, from the folder's
// top, then in the library.
func (in folders) find(from, asked string) (name string, data []byte, err error) {
	clean := strings.TrimPrefix(strings.ReplaceAll(asked, `\`, "/"), "/")
	if clean == "" || strings.Contains(clean, ":") || len(clean) > 1000 {
		return "", nil, errOutside
	}
	for part := range strings.SplitSeq(clean, "/") {
		if part == ".." {
			return "", nil, errOutside
		}
	}
	clean = path.Clean(clean)
	tries := []string{clean}
	if beside := path.Join(path.Dir(from), clean); beside != clean && !strings.HasPrefix(asked, "/") {
		tries = []string{beside, clean}
	}
	for _, name := range tries {
		data, err = in.read(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return name, data, err
		}
	}
	return "", nil, fmt.Errorf("there is no such file, neither in the application's folder nor in the library: %w", fs.ErrNotExist)
}

// maxArchive is how large an archive may be. Each file in it may have what any other
// may, whatever it is packed to.
const maxArchive = 16 << 20

// unpack opens what Find has found: the folder that has the script, which is files but
// for an archive, and the file in it. What the script loads is looked for in that
// folder first, then in files.
func unpack(files fs.FS, file, application string) (from fs.FS, main string, err error) {
	if path.Ext(file) != ".far" {
		return files, file, nil
	}
	data, err := readUpTo(files, file, maxArchive+1)
	if err != nil {
		return nil, "", fmt.Errorf("open %s: %w", file, err)
	}
	if len(data) > maxArchive {
		return nil, "", fmt.Errorf("open %s: it has more than %d bytes", file, maxArchive)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, "", fmt.Errorf("open %s: %w", file, err)
	}
	main, ok, err := Find(archive, application)
	if err == nil && (!ok || path.Ext(main) == ".far") {
		err = errors.New("there is no main.asc in it")
	}
	if err != nil {
		return nil, "", fmt.Errorf("open %s: %w", file, err)
	}
	return archive, main, nil
}
