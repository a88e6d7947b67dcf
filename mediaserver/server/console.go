package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/web"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

// consoleTokens is the folder with the tokens of the console: the one that was given, or
// one below the data folder. Where that is a folder of applications, no application may
// be called so.
func (s *Server) consoleTokens() (folder string, own bool) {
	switch {
	case s.cfg.ConsoleTokens != "":
		return s.cfg.ConsoleTokens, false
	case s.cfg.Data == "": // an edge keeps nothing
		return "", false
	case s.cfg.Applications != "" && sameFile(s.cfg.Applications, s.cfg.Data):
		return filepath.Join(s.cfg.Data, ".console"), true
	}
	return filepath.Join(s.cfg.Data, "console"), true
}

// ConsoleToken is the file with the token of a role of the console; "": nobody has one.
func (s *Server) ConsoleToken(role console.Role) string {
	folder, _ := s.consoleTokens()
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, string(role))
}

// makeConsoleTokens makes those that are ours to make.
func (s *Server) makeConsoleTokens() {
	if _, own := s.consoleTokens(); !own {
		return
	}
	for _, role := range console.Roles {
		if err := makeKey(s.ConsoleToken(role)); err != nil {
			s.log.Error("no token of the console can be made", "role", string(role), "err", err)
		}
	}
}

func (s *Server) newConsole() *console.Console {
	return console.New(s.consoleOf(), console.Options{
		Version: s.cfg.Version, Guesses: s.cfg.Budgets.Guesses, Lines: s.lines, Log: s.log,
		Tokens:     func(role console.Role) (string, error) { return readKey(s.ConsoleToken(role)) },
		Recordings: web.Recordings(s.Recordings, s.log), Media: http.HandlerFunc(s.showOperator),
	})
}

// showOperator serves a stream, whoever may play it: a session of the console asks.
func (s *Server) showOperator(w http.ResponseWriter, r *http.Request) {
	s.public.ServeHTTP(public.Late(w), r.WithContext(outlet.AsOperator(r.Context())))
}

// consoleSource is the server as the console sees it: it implements console.Source.
type consoleSource struct{ s *Server }

// Server implements console.Source.
func (c consoleSource) Server() console.Server {
	s := c.s
	is := console.Server{
		Version: s.cfg.Version, Uptime: int64(time.Since(s.started).Seconds()), Draining: s.draining.Load(),
		Memory: processMemory(), Busy: processTime(), Connections: int(s.open.Load()), Web: webURL(s.WebAddr()),
	}
	if err := s.Ready(); err != nil {
		is.Reason = err.Error()
	} else {
		is.Ready = true
	}
	for _, one := range s.Stats() {
		is.Clients += one.Connections
		is.Players += one.Players
		is.Totals.In += one.Total.BytesIn
		is.Totals.Out += one.Total.BytesOut
	}
	return is
}

// webURL is where the public port is; without a host it is this server's own, under
// whatever name it is known.
func webURL(a net.Addr) string {
	if a == nil {
		return ""
	}
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://:%d", tcp.Port)
	}
	return "http://" + a.String()
}

// Instances implements console.Source.
func (c consoleSource) Instances() (all []console.Instance) {
	for _, one := range c.s.Instances() {
		is := one.Stats()
		faults, _ := one.ScriptProblems()
		all = append(all, console.Instance{
			Application: is.Application, Instance: is.Name, Scripted: one.Scripted(), OnDemand: one.OnDemand,
			Clients: is.Connections, Players: is.Players, Streams: is.Streams, Recordings: is.Recordings, Errors: faults,
			Totals: console.Totals{In: is.Total.BytesIn, Out: is.Total.BytesOut},
		})
	}
	return all
}

// find is an instance that runs.
func (c consoleSource) find(application, name string) (web.Running, error) {
	for _, one := range c.s.Instances() {
		if one.Application() == application && one.Name() == name {
			return one, nil
		}
	}
	return web.Running{}, &console.Error{Status: http.StatusNotFound, Reason: fmt.Sprintf("instance %.64s/%.64s does not run here", application, name)}
}

// Kick implements console.Source.
func (c consoleSource) Kick(application, name, client string) error {
	of, err := c.find(application, name)
	if err != nil {
		return err
	}
	if !of.Kick(client) {
		return &console.Error{Status: http.StatusNotFound, Reason: fmt.Sprintf("client %.64q is not connected to %.64s/%.64s any more", client, application, name)}
	}
	return nil
}

// Unload implements console.Source.
func (c consoleSource) Unload(ctx context.Context, application, name string) error {
	of, err := c.find(application, name)
	if err != nil {
		return err
	}
	switch err := of.Unload(ctx); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &console.Error{Status: http.StatusServiceUnavailable, Reason: err.Error()}
	default:
		return &console.Error{Status: http.StatusConflict, Reason: err.Error()}
	}
}

// Delete implements console.Source.
func (c consoleSource) Delete(ctx context.Context, application, name, stream string) error {
	of := apppath.Path{Application: application, Instance: name}
	err := catalogue.New(c.s.Recordings).Delete(ctx, catalogue.Caller{Operator: true}, of, stream)
	if err == nil {
		return nil
	}
	return &console.Error{Status: web.Status(err), Reason: err.Error()}
}

// Drain implements console.Source.
func (c consoleSource) Drain() {
	c.s.log.Info("an operator has the server drain")
	c.s.drainAsked()
}
