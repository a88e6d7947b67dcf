package console

import (
	"context"
	"net/http"
	"time"
)

// actionTime is how long a change may take that is waited for.
const actionTime = 30 * time.Second

// acts has a change logged, with who wanted it.
func (c *Console) acts(r *http.Request, what string, args ...any) {
	c.log.Info("the console: "+what, append(args, "address", r.RemoteAddr)...)
}

func (c *Console) kick(w http.ResponseWriter, r *http.Request, _ *login) {
	app, name, client := r.PathValue("application"), r.PathValue("instance"), r.PathValue("client")
	err := c.src.Kick(app, name, client)
	if err == nil {
		c.acts(r, "a client's connection is ended", "application", app, "instance", name, "client", client)
	}
	c.done(w, r, err)
}

func (c *Console) unload(w http.ResponseWriter, r *http.Request, _ *login) {
	app, name := r.PathValue("application"), r.PathValue("instance")
	ctx, cancel := context.WithTimeout(r.Context(), actionTime)
	defer cancel()
	c.acts(r, "an instance is unloaded", "application", app, "instance", name)
	c.done(w, r, c.src.Unload(ctx, app, name))
}

func (c *Console) remove(w http.ResponseWriter, r *http.Request, _ *login) {
	app, name, stream := r.PathValue("application"), r.PathValue("instance"), r.PathValue("name")
	ctx, cancel := context.WithTimeout(r.Context(), actionTime)
	defer cancel()
	err := c.src.Delete(ctx, app, name, stream)
	if err == nil {
		c.acts(r, "a recording is deleted", "application", app, "instance", name, "stream", stream)
	}
	c.done(w, r, err)
}

func (c *Console) drain(w http.ResponseWriter, r *http.Request, _ *login) {
	c.acts(r, "the server is drained")
	c.done(w, r, nil)
	_ = http.NewResponseController(w).Flush() // the answer goes before the server does
	c.src.Drain()
}
