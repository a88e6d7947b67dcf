package command

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

// loadManifests reads, defaults and validates every AppInstance of the files
// and folders, and refuses two that claim the same instance.
func loadManifests(names []string, log *slog.Logger) ([]v1alpha1.AppInstance, error) {
	files, err := manifestFiles(names)
	if err != nil {
		return nil, err
	}
	var docs []v1alpha1.AppInstance
	claimed := map[string]string{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		found, err := manifest.Load(f, name)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read manifest %w", err)
		}
		if len(found) == 0 {
			log.Warn("no AppInstance in this file", "file", name)
		}
		for _, doc := range found {
			path := doc.Path().String()
			if other, taken := claimed[path]; taken {
				return nil, fmt.Errorf("manifests %s and %s both claim %s: give one another spec.application or spec.instance", other, name, path)
			}
			claimed[path] = name
			docs = append(docs, doc)
		}
	}
	if len(docs) == 0 {
		return nil, fmt.Errorf("no AppInstance in %s: nothing to serve", strings.Join(names, ", "))
	}
	return docs, nil
}

// manifestFiles replaces each folder by the manifests directly in it.
func manifestFiles(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		entries, err := os.ReadDir(name)
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		before := len(files)
		for _, e := range entries {
			switch filepath.Ext(e.Name()) {
			case ".yaml", ".yml", ".json":
				// A mounted ConfigMap is links to files: not IsRegular, but no folder.
				if !e.IsDir() {
					files = append(files, filepath.Join(name, e.Name()))
				}
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("read manifests: folder %s holds no *.yaml, *.yml or *.json file", name)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no manifest given: use -f FILE-OR-FOLDER")
	}
	return files, nil
}
