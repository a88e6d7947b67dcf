package command

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/server"
)

const serveLong = `Serve every AppInstance in the given files and folders (*.yaml, *.yml, *.json),
without any Kubernetes. The same manifest works on a cluster.

Recordings are FLV files at DIR/APPLICATION/streams/INSTANCE/NAME.flv. Files that
are put there play as well: FLV as NAME, MP4, F4V, M4V and MOV as mp4:NAME, and
MP3 as mp3:NAME.
Where spec.access.publish.mode is Key (the default), publishers append the key
to the stream name, as OBS users do: NAME?key=KEY. Without --publish-key-file a
key per instance is made once and kept at DIR/APPLICATION/keys/INSTANCE.key.
Another key that is written into the file counts at once, and the one before it
stays valid for spec.access.publish.previousKeyFor (1h). A key that is missing
keeps nobody from playing: publishers are refused until it is there. Where
spec.access.play.mode is Key, viewers need the same key, behind the stream's name or
the URL of HTTP.

Where spec.onDemandInstances is true, any other instance of the application starts
at its first connect, and is unloaded when nobody has used it for
spec.idle.unloadAfter (20m). One manifest of an application may say so.

At --http-address, /-/console/ is a page on which people look at the server, and
change it: who shows the token of admins also ends clients, unloads instances, deletes
recordings and has the server end. Tokens are in the files admin and viewer of
--console-tokens; those that are replaced let nobody in any more, and who was let in
by one has to show the new one.

Where a manifest has spec.web, web pages and HTTP players connect to --web-address,
those pages too that spec.web.allowedOrigins names, to that instance. The banner names
two pages for each instance: /-/watch/APPLICATION/INSTANCE/NAME plays a stream, and
/-/studio/APPLICATION/INSTANCE/NAME publishes it from a camera, a screen or a file, to
which browsers want HTTPS, or localhost.

Where there is a --web-address, --rtmps-address serves the same as HTTPS (HTTP/1.1 and
HTTP/2, and WebSockets), beside RTMPS: clients of both may use port 443. A certificate
that is missing or bad takes nothing else down: clients by TLS are turned away until a
good one is there.

With --applications, every folder in DIR is an application, as Flash Media Server
had them: its script is scripts/main.asc, main.asc or what that took next, and any
instance of it starts at its first connect, with recordings at
DIR/APPLICATION/streams/INSTANCE and shared objects beside them. The script decides
who may connect and publish; without one everybody may. Application.xml is read for
what has an equivalent here, and the log says what else it asks for. Scripts whose
files change are loaded anew, once their clients were told, unless they cannot be
loaded. A manifest (-f) of an application says which instances of it there are, and
for whom. A script reaches nothing over the network but --script-hosts. What it uses
that is not here, flashpod script check says.

A server with --link-key-file lets edges link to it, which show that they have the same
key: at --link-address, or, without one, at its RTMP port. An edge (--edge-of) serves the
origin's instances to clients of its own: it asks the origin for everything, and serves
media itself, with --web-address to viewers by HTTP and WebRTC, too. It needs no manifest;
with one, it serves what that is about and nothing else, lets in the pages of spec.web,
and bounds connections as spec.limits says. The file of the key may have several, one a
line, and be a folder of such files: the first is shown, and who shows any of them is let
in, so that a key is replaced without a cut: the new one is written before the other at
each server, and the other removed once all have it.

SIGINT or SIGTERM ends it cleanly: clients are told, recordings are finished.
A second signal ends it at once. A manifest that is wrong, or a port that is
taken, ends it with exit code 1 before anything is served. The last line on
standard error says why.`

const serveExample = `  # one instance from a file, recordings below ./data
  flashpod serve -f lobby.yaml --data data

  # every manifest in a folder, reachable from other machines
  flashpod serve -f manifests/ --data /var/lib/flashpod --rtmp-address :1935

  # the applications folder of an old server
  flashpod serve --applications /opt/fms/applications --script-library /opt/fms/scriptlib

  # an origin, and an edge of it on another machine, which has a copy of the key
  flashpod serve -f lobby.yaml --data data --rtmp-address :1935 --link-key-file link.key
  flashpod serve --edge-of rtmp://origin.example.com --link-key-file link.key --rtmp-address :1935

  # the same with links on a port of their own, in a network of the servers
  flashpod serve -f lobby.yaml --data data --rtmp-address :1935 --link-key-file link.key --link-address 10.0.0.1:1937
  flashpod serve --edge-of 10.0.0.1:1937 --link-key-file link.key --rtmp-address :1935

  # then, with ffmpeg
  ffmpeg -re -i film.mp4 -c copy -f flv 'rtmp://127.0.0.1:1935/chatRoom/lobby/film?key=KEY'
  ffplay rtmp://127.0.0.1:1935/chatRoom/lobby/film`

// serving is what the command line says.
type serving struct {
	files               []string
	rtmpe               bool
	edgeOf              string
	keeping             keeping
	webRTCByTCP         bool
	cfg                 server.Config
	logLevel, logFormat string
}

func serveCommand(version string) *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:     "serve [-f FILE-OR-FOLDER ...] [--data DIR] [--applications DIR]",
		Short:   "Serve AppInstance manifests, or applications, on this machine",
		Long:    serveLong,
		Example: serveExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.cfg.Version = version
			return s.run(cmd)
		},
	}
	s.addTo(cmd.Flags())
	for _, folder := range []string{"data", "applications", "script-folder", "script-library", "console-tokens"} {
		_ = cmd.MarkFlagDirname(folder)
	}
	return cmd
}

func (s *serving) addTo(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringArrayVarP(&s.files, "filename", "f", nil, "manifest file, or folder of manifests; may be repeated")
	f.StringVar(&s.cfg.Data, "data", "", "folder for recordings and keys; made when missing (default: that of --applications)")
	f.StringVar(&s.cfg.Applications, "applications", "", "folder of applications, each with its script, as Flash Media Server had them")
	f.StringSliceVar(&s.cfg.ScriptHosts, "script-hosts", nil, "HOST[:PORT],… that scripts of --applications may reach over the network (default: none)")
	f.StringVar(&s.cfg.ScriptLibrary, "script-library", "", "folder of scripts in which load looks last, such as FMS's scriptlib")
	f.StringVar(&s.cfg.ScriptFolder, "script-folder", "", "files of the script of a manifest that has spec.script; in a cluster, its ConfigMap")
	f.BoolVar(&s.rtmpe, "script-rtmpe", false, "tell scripts rtmpe of clients that come by TLS, for those that insist on it")
	f.StringVar(&s.cfg.RTMPAddress, "rtmp-address", "127.0.0.1:1935", "where clients connect; port 0 takes any free port")
	f.StringVar(&s.cfg.RTMPSAddress, "rtmps-address", "", "where clients connect by TLS, such as 127.0.0.1:443: RTMPS and, with --web-address, HTTPS (default: nowhere)")
	f.StringVar(&s.cfg.TLSCertFile, "tls-cert-file", "", "certificate for --rtmps-address, PEM; read again when it changes, and may come later")
	f.StringVar(&s.cfg.TLSKeyFile, "tls-key-file", "", "its private key, PEM")
	f.StringVar(&s.cfg.HTTPAddress, "http-address", "127.0.0.1:8080", "where health, metrics, the list of recordings and the console are served; port 0 takes any free port")
	f.StringVar(&s.cfg.ConsoleTokens, "console-tokens", "", "folder with the tokens of the console at --http-address, in the files admin and viewer; read again when they change, and may come later (default: console in --data, with tokens that are made)")
	f.StringVar(&s.cfg.WebAddress, "web-address", "", "where web pages and HTTP players connect, such as 127.0.0.1:8088: HLS, HTTP-FLV, recordings as MP4, and RTMP in a WebSocket; port 0 takes any free port (default: 127.0.0.1:8088 where a manifest has spec.web, else nowhere; empty: nowhere)")
	f.StringVar(&s.cfg.WebRTCAddress, "webrtc-address", "", "UDP port of WebRTC (WHIP and WHEP at --web-address), such as 0.0.0.0:8088; off: nowhere (default: that of --web-address, where there is one)")
	f.BoolVar(&s.webRTCByTCP, "webrtc-tcp", true, "whether clients whose networks let no UDP through may send by TCP to the same number, which they are to reach by connecting, and not through a proxy of HTTP; with --webrtc-advertise-file or --webrtc-relay-address only where it is said")
	f.StringVar(&s.cfg.WebRTCAdvertise, "webrtc-advertise-file", "", "file with the addresses or names under which clients reach --webrtc-address, one a line, each with a port where it is another; read for each of them (default: those of this machine)")
	f.StringVar(&s.cfg.WebRTCRelay, "webrtc-relay-address", "", "where clients reach several servers under one address of WebRTC, behind a load balancer of UDP: the address of this server alone at which the others reach its port (ADDRESS:PORT where that is another number) and that of --web-address; all have one --link-key-file (default: clients reach this server alone)")
	f.StringArrayVar(&s.cfg.WebOrigins, "web-origin", nil, "pages that may use all at --web-address beside those from this server's addresses and those of a manifest's spec.web, such as https://example.org, or * for all; may be repeated")
	f.StringVar(&s.edgeOf, "edge-of", "", "be an edge of the server that takes links at rtmp://HOST[:PORT] or HOST:PORT: serve its instances, and none of one's own, with its --link-key-file")
	f.StringVar(&s.cfg.LinkKeyFile, "link-key-file", "", "file or folder of keys, one a line, that an origin and its edges have in common; edges may link to a server that has one, which makes it where it is missing; read again when it changes")
	f.StringVar(&s.cfg.LinkAddress, "link-address", "", "where edges link, and nobody else connects, such as 10.0.0.1:1937 (default: at --rtmp-address)")
	f.StringVar(&s.cfg.LeaveFile, "leave-file", "", "file with a time such as 2m while the address of this server leads new clients elsewhere, as to its edges: those that are here, and follow a ReconnectRequest, are asked to connect again, in half of it; read every second, and may be missing")
	f.StringSliceVar(&s.cfg.EdgeMayReach, "edge-may-reach", nil, "HOST[:PORT][=LINKHOST:PORT],… that clients of an edge may name themselves, rtmp://EDGE/?rtmp://HOST/APPLICATION/INSTANCE, beside its own origin; behind = is where links are taken, if elsewhere (default: none)")
	f.StringVar(&s.cfg.EdgeMayReachFile, "edge-may-reach-file", "", "file with more of them, origins: [{hosts: [HOST[:PORT]], origin: LINKHOST:PORT, linkKey: KEY}], where each may want another key than the edge's own; read every second, and may be missing")
	f.StringVar(&s.cfg.LinkGuestKeyFile, "link-guest-key-file", "", "file of keys, one a line, that edges of others may show to be let in, and that are for nothing else; read again when it changes, and may be missing")
	s.keeping.addTo(f, "an edge")
	f.StringArrayVar(&s.cfg.HTTPNames, "http-host", nil, "name that --http-address is asked under, besides its addresses, localhost and what the hosts file calls this machine; may be repeated")
	f.StringVar(&s.cfg.DebugAddress, "debug-address", "", "where developers find profiles, goroutines and how far behind the server is: a loopback address, such as 127.0.0.1:6060 (default: nowhere)")
	f.IntVar(&s.cfg.MaxConnections, "max-connections", 0, "how many connections may be open at once (default: three quarters of the files that the process may open, less those of HTTP)")
	f.StringVar(&s.cfg.PublishKeyFile, "publish-key-file", "", "file with the publish key of every instance; read again when it changes, and may come later (default: one is made for each)")
	f.DurationVar(&s.cfg.DrainTimeout, "drain-timeout", 10*time.Second, "how long clients may take to leave at the end; an edge serves them on meanwhile")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
}

func (s *serving) run(cmd *cobra.Command) error {
	if s.edgeOf != "" {
		if err := errors.Join(s.beEdge(), s.keeping.into(&s.cfg)); err != nil {
			return usage(err)
		}
	}
	switch {
	case s.edgeOf != "":
	case cmd.Flags().Changed("cache-dir") || cmd.Flags().Changed("cache-size"):
		return usage(errors.New("--cache-dir and --cache-size are for an edge: set --edge-of, or leave them out"))
	case len(s.files) == 0 && s.cfg.Applications == "":
		return usage(errors.New("nothing to serve: name manifests with -f, or a folder of applications with --applications"))
	case s.cfg.Data == "" && s.cfg.Applications == "":
		return usage(errors.New("--data says where recordings and keys are kept"))
	}
	lines, err := openLog(s.logLevel, s.logFormat)
	if err != nil {
		return err
	}
	// Before the process says why it ends, which is to be its last line.
	defer lines.Close(lastLines)
	log := slog.New(lines.Handler())
	var docs []v1alpha1.AppInstance
	if len(s.files) > 0 {
		if docs, err = loadManifests(s.files, log); err != nil {
			return err
		}
	}
	if !cmd.Flags().Changed("web-address") && slices.ContainsFunc(docs, hasWeb) {
		s.cfg.WebAddress = defaultWeb
	}
	s.cfg.NoWebRTCTCP = !s.webRTCByTCP || (s.cfg.WebRTCAdvertise != "" || s.cfg.WebRTCRelay != "") && !cmd.Flags().Changed("webrtc-tcp")
	if s.rtmpe {
		s.cfg.ScriptSecureAs = "rtmpe"
	}
	s.cfg.Log, s.cfg.LeftOut = log, lines.LeftOut
	boundMemory(budget.Container())
	srv, err := server.New(s.cfg, docs)
	if err != nil {
		return err
	}
	if err := srv.Listen(); err != nil {
		return err
	}
	if s.logFormat == "json" {
		announce(log, srv, s.cfg.Version) // for a machine, which reads lines
	} else {
		lines.Flush(lastLines) // what is said before comes before
		banner(cmd.OutOrStdout(), srv, s.cfg.Version)
	}
	return srv.Run(cmd.Context())
}

// beEdge says whose edge the server is to be.
func (s *serving) beEdge() error {
	if s.cfg.Applications != "" || s.cfg.Data != "" {
		return errors.New("an edge serves what its origin does, and keeps nothing: leave out --applications and --data beside --edge-of")
	}
	if host, port, err := net.SplitHostPort(s.edgeOf); err == nil && host != "" && port != "" && !strings.Contains(s.edgeOf, "/") {
		s.cfg.EdgeOf = s.edgeOf
		return nil
	}
	u, err := url.Parse(s.edgeOf)
	if err != nil || u.Scheme != "rtmp" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fmt.Errorf("--edge-of %q: it is where the origin takes links, such as rtmp://192.0.2.1:1935 or 192.0.2.1:1937", s.edgeOf)
	}
	s.cfg.EdgeOf = u.Host
	if u.Port() == "" {
		s.cfg.EdgeOf = net.JoinHostPort(u.Hostname(), "1935")
	}
	return nil
}

// defaultWeb is where the web is served for manifests that ask for it.
const defaultWeb = "127.0.0.1:8088"

func hasWeb(a v1alpha1.AppInstance) bool { return a.Spec.Web != nil && !a.Spec.Suspend }

// boundMemory has garbage collected before the container's limit, if it has one,
// ends the process, where nobody has said so (GOMEMLIMIT).
func boundMemory(limit int64, ok bool) {
	if ok && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}

// lastLines is how long whoever reads the log may take to read the end of it.
const lastLines = 2 * time.Second

func openLog(level, format string) (*logs.Log, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: choose debug, info, warn or error", level)
	}
	if format != "text" && format != "json" {
		return nil, fmt.Errorf("--log-format %q: choose text or json", format)
	}
	return logs.New(os.Stderr, logs.Options{Level: l, JSON: format == "json"}), nil
}
