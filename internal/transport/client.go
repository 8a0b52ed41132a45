package transport

import (
	"context"
	"sync"

	"github.com/tslab/tslab/wire/tsls"
)

// Client keeps one connection to a license server and makes it anew when it has
// ended. Calls may be made from any goroutine.
type Client struct {
	// Dial makes a connection.
	Dial func(ctx context.Context) (*Conn, error)

	mu   sync.Mutex
	conn *Conn
}

// Call is [Conn.Call] on a standing connection. A call that was sent is not
// repeated: when the connection ends under it, the caller decides.
func (c *Client) Call(ctx context.Context, m tsls.Message) (tsls.Message, error) {
	conn, err := c.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Call(ctx, m)
}

// Conn is the standing connection, made now if there is none.
func (c *Client) Conn(ctx context.Context) (*Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && c.conn.Err() == nil {
		return c.conn, nil
	}
	conn, err := c.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c.conn = conn
	return conn, nil
}

// Close ends the connection, if there is one.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	return c.conn.Close()
}
