package script

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// Find is the file that an application's script begins with, in the order in which
// Flash Media Server looked: an archive (.far, a zip, see Unpack) before others; false:
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

// maxArchive is how large an archive may be. Each file in it may have what any other
// may, whatever it is packed to.
const maxArchive = 16 << 20

// Unpack opens what Find has found: the folder that has the script, which is files but
// for an archive, and the file in it. What the script loads is looked for in that
// folder first, then in files.
func Unpack(files fs.FS, file, application string) (from fs.FS, main string, err error) {
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
