package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/web"
)

const (
	// maxWeb is how many connections HTTP has at most: more than there are
	// programs that scrape one server.
	maxWeb = 256
	// maxDebug is the same for developers.
	maxDebug = 16
)

// socketFiles are the files of this process that clients may keep open: three
// quarters, so that recordings, which come first, always find some.
func socketFiles() int64 {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		files.Cur = 1 << 20
	}
	return int64(min(files.Cur, 1<<20)) / 4 * 3
}

// webPlaces is how many connections HTTP has: an eighth of the files, and they are
// its own. Clients that stream take none of them, so that a server which is full
// still says that it is well.
func webPlaces(files *budget.Budget) int {
	if files == nil {
		return maxWeb
	}
	return int(min(max(files.Max()/8, 4), maxWeb))
}

// socketPlaces is how many connections there are for clients that stream.
func socketPlaces(files *budget.Budget) int {
	if files == nil {
		return int(socketFiles())
	}
	return max(int(files.Max())-webPlaces(files)-maxDebug-wordsPlaces(files), 1)
}

// listenWeb opens the port for HTTP.
func (s *Server) listenWeb() error {
	files, places := s.cfg.Budgets.Files, webPlaces(s.cfg.Budgets.Files)
	if !files.Take(int64(places)) {
		return fmt.Errorf("HTTP needs %d of the %d files that sockets may open: let the process open more (ulimit -n)", places, files.Max())
	}
	ln, err := net.Listen("tcp", s.cfg.HTTPAddress)
	if err != nil {
		files.Give(int64(places))
		return listenError("HTTP", "--http-address", s.cfg.HTTPAddress, err)
	}
	s.makeConsoleTokens()
	s.http = newPlaces(ln, places, func() { s.count("HTTP connection made room for another") })
	return nil
}

// serveWeb serves HTTP until closeWeb is called.
func (s *Server) serveWeb(failed chan<- error) {
	s.openStreams()
	s.console = s.newConsole()
	s.web = s.http.server(web.Handler(s, s.webOptions()))
	s.web.WriteTimeout = writeTimeout
	s.web.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
	go func() {
		if err := s.web.Serve(s.http); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve HTTP on %s: %w", s.http.Addr(), err)
		}
	}()
}

func (s *Server) closeWeb() {
	s.web.Close()
	s.console.Close()
	s.cfg.Budgets.Files.Give(int64(s.http.max))
}

// webOptions are what the handler of HTTP needs to know of this server.
func (s *Server) webOptions() web.Options {
	names := hostsNames(s.cfg.hosts)
	names, domains := append(names, podNames(names)...), podDomains(names)
	for _, n := range s.cfg.HTTPNames {
		names = append(names, strings.ToLower(strings.TrimSuffix(n, ".")))
	}
	return web.Options{
		Version: s.cfg.Version, Names: distinct(names), Domains: distinct(domains),
		Guesses: s.cfg.Budgets.Guesses, Console: s.console, Collectors: s.routesMetrics(), Log: s.log,
	}
}

func distinct(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}
