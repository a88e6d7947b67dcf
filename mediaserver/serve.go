package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
	"flashpod.dev/flashpod/mediaserver/server"
)

const serveExample = `  # one instance from a file, recordings below ./data
  flashpod serve -f lobby.yaml --data data

  # every manifest in a folder, reachable from other machines
  flashpod serve -f manifests/ --data /var/lib/flashpod --rtmp-address :1935

  # then, with ffmpeg
  ffmpeg -re -i film.mp4 -c copy -f flv 'rtmp://127.0.0.1:1935/chatRoom/lobby/film?key=KEY'
  ffplay rtmp://127.0.0.1:1935/chatRoom/lobby/film`

func serveCommand() *cobra.Command {
	var (
		files     []string
		cfg       server.Config
		logLevel  string
		logFormat string
	)
	cmd := &cobra.Command{
		Use:   "serve -f FILE-OR-FOLDER [-f ...] --data DIR",
		Short: "Serve AppInstance manifests on this machine",
		Long: `Serve every AppInstance in the given files and folders (*.yaml, *.yml, *.json),
without any Kubernetes. The same manifest works on a cluster.

Recordings are FLV files at DIR/APPLICATION/streams/INSTANCE/NAME.flv. Files that
are put there play as well: FLV as NAME, MP4, F4V, M4V and MOV as mp4:NAME, and
MP3 as mp3:NAME.
Where spec.access.publish.mode is Key (the default), publishers append the key
to the stream name, as OBS users do: NAME?key=KEY. Without --publish-key-file a
key per instance is made once and kept at DIR/APPLICATION/keys/INSTANCE.key.
Another key that is written into the file counts at once, and the one before it
stays valid for spec.access.publish.previousKeyFor (1h). A key that is missing
keeps nobody from playing: publishers are refused until it is there.

A certificate for --rtmps-address that is missing or bad takes nothing else down:
clients by TLS are turned away until a good one is there.

SIGINT or SIGTERM ends it cleanly: clients are told, recordings are finished.
A second signal ends it at once. A manifest that is wrong, or a port that is
taken, ends it with exit code 1 before anything is served. The last line on
standard error says why.`,
		Example: serveExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(logLevel, logFormat)
			if err != nil {
				return err
			}
			cfg.Log, cfg.Version = log, version
			docs, err := loadManifests(files, log)
			if err != nil {
				return err
			}
			s, err := server.New(cfg, docs)
			if err != nil {
				return err
			}
			if err := s.Listen(); err != nil {
				return err
			}
			if logFormat == "json" {
				announce(log, s) // for a machine, which reads lines
			} else {
				banner(cmd.OutOrStdout(), s)
			}
			return s.Run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&files, "filename", "f", nil, "manifest file, or folder of manifests; may be repeated")
	f.StringVar(&cfg.Data, "data", "", "folder for recordings and keys; made when missing")
	f.StringVar(&cfg.RTMPAddress, "rtmp-address", "127.0.0.1:1935", "where clients connect; port 0 takes any free port")
	f.StringVar(&cfg.RTMPSAddress, "rtmps-address", "", "where clients connect by TLS, such as 127.0.0.1:443 (default: nowhere)")
	f.StringVar(&cfg.TLSCertFile, "tls-cert-file", "", "certificate for --rtmps-address, PEM; read again when it changes, and may come later")
	f.StringVar(&cfg.TLSKeyFile, "tls-key-file", "", "its private key, PEM")
	f.StringVar(&cfg.HTTPAddress, "http-address", "127.0.0.1:8080", "where health, metrics and the list of recordings are served; port 0 takes any free port")
	f.IntVar(&cfg.MaxConnections, "max-connections", 0, "how many connections may be open at once (default: three quarters of the files that the process may open)")
	f.StringVar(&cfg.PublishKeyFile, "publish-key-file", "", "file with the publish key of every instance; read again when it changes, and may come later (default: one is made for each)")
	f.DurationVar(&cfg.DrainTimeout, "drain-timeout", 10*time.Second, "how long clients may take to leave at the end")
	f.StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&logFormat, "log-format", "text", "text or json")
	_ = cmd.MarkFlagRequired("filename")
	_ = cmd.MarkFlagRequired("data")
	_ = cmd.MarkFlagDirname("data")
	return cmd
}

func newLogger(level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: choose debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, opts)), nil
	}
	return nil, fmt.Errorf("--log-format %q: choose text or json", format)
}

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
			path := doc.Spec.Application + "/" + doc.Spec.Instance
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
