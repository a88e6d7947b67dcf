package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"flashpod.dev/flashpod/mediaserver/pieces"
	"flashpod.dev/flashpod/mediaserver/web"
)

const (
	// leaveFree is how many bytes an edge leaves to others on the disk of its cache.
	leaveFree = 512 << 20
	// maxCaches is how many edges of one machine have caches in one folder.
	maxCaches = 64
)

// beginCache finds the folder of the cache of an edge, and what is in it.
func (s *Server) beginCache() (*pieces.Cache, error) {
	cfg := pieces.Config{Max: s.cfg.CacheSize, MinFree: leaveFree, Memory: s.cfg.Budgets.Pieces, Log: s.log}
	if s.cfg.cacheMinFree > 0 {
		cfg.MinFree = s.cfg.cacheMinFree
	}
	var err error
	switch {
	case cfg.Max <= 0:
		cfg.Max = 0
	case s.cfg.CacheDir != "":
		if s.unlockCache, err = pieces.Lock(s.cfg.CacheDir); err != nil {
			return nil, fmt.Errorf("cache of recordings: %w: choose another folder with --cache-dir, or none with --cache-size 0", err)
		}
		cfg.Folder = s.cfg.CacheDir
	case s.cfg.CacheUnder != "":
		if cfg.Folder, s.unlockCache, err = oneOfMany(s.cfg.CacheUnder); err != nil {
			s.log.Warn("recordings are not kept on the disk: choose a folder with --cache-dir", "err", err)
		}
	}
	c, err := pieces.New(cfg)
	if err != nil && s.unlockCache != nil {
		s.unlockCache()
		s.unlockCache = nil
	}
	if err != nil {
		return nil, fmt.Errorf("cache of recordings: %w: choose another folder with --cache-dir, or none with --cache-size 0", err)
	}
	return c, nil
}

// oneOfMany is the first folder in another that no other process has.
func oneOfMany(under string) (folder string, unlock func(), err error) {
	for i := range maxCaches {
		folder = filepath.Join(under, strconv.Itoa(i))
		unlock, err = pieces.Lock(folder)
		if err == nil {
			return folder, unlock, nil
		}
		if !errors.Is(err, pieces.ErrUsed) {
			break
		}
	}
	return "", nil, err
}

// endCache ends the cache, once the edge has ended.
func (s *Server) endCache() {
	if s.pieces != nil {
		s.pieces.Close()
	}
	if s.unlockCache != nil {
		s.unlockCache()
	}
}

// CacheFolder is where an edge keeps pieces of recordings; "": it has them in memory alone.
func (s *Server) CacheFolder() string {
	if s.pieces == nil {
		return ""
	}
	return s.pieces.Folder()
}

// EdgeCache is how the cache of an edge is; false: this is none.
func (s *Server) EdgeCache() (web.EdgeCache, bool) {
	if s.pieces == nil {
		return web.EdgeCache{}, false
	}
	return web.EdgeCache(s.pieces.Stats()), true
}
