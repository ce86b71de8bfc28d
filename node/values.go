package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"chordconductor/internal/duration"
	"chordconductor/node/client"
	"chordconductor/node/kv"
)

// putOptions are the flags of put.
type putOptions struct {
	file string
	ttl  time.Duration
}

// putCommand returns the command that stores a value of any bytes: the argument, a file's content,
// or standard input.
func (c *caller) putCommand() *cobra.Command {
	var o putOptions
	var value []byte
	cmd := c.command("put KEY (VALUE | - | --file PATH)", "Store a value", 0, func(ctx context.Context, host *client.Client, out io.Writer, args []string) error {
		written, err := host.Put(ctx, []byte(args[0]), value, o.ttl)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "stored at %s, replicas: %d\n", written.Owner, written.Replicas)
		return nil
	})
	cmd.PreRunE = func(cmd *cobra.Command, args []string) (err error) { // before --timeout starts
		if o.ttl > 0 && o.ttl < time.Millisecond { // it would round to 0, which means never
			return usageError{fmt.Errorf("--ttl %s: must be 0 or at least 1ms", duration.Text(o.ttl))}
		}
		value, err = o.value(cmd.Context(), cmd.InOrStdin(), args)
		return err
	}
	cmd.Args = o.arguments
	cmd.Long = fmt.Sprintf(`Store a value, any bytes, at most %d of them: the argument's, or with "-" those of standard input,
or with --file a file's. They are stored as they are: nothing is added or removed.`, kv.MaxValue)
	cmd.Flags().DurationVar(&o.ttl, "ttl", 0, "delete the value after this time; 0: never")
	cmd.Flags().StringVar(&o.file, "file", "", "take the value from the file at `PATH`; -: from standard input")
	cmd.Example = `  node put tide high
  node put --addr host-a.example:7001 --ttl 10m tide high
  node put chart --file chart.png
  gzip -c log | node put log.gz -`
	return cmd
}

func (o *putOptions) arguments(cmd *cobra.Command, given []string) error {
	switch {
	case cmd.Flags().Changed("file") && len(given) != 1:
		return usageError{errors.New("put: with --file, expected the key alone")}
	case !cmd.Flags().Changed("file") && len(given) != 2:
		return usageError{errors.New("put: expected key and value; a value of - is read from standard input, --file reads a file")}
	}
	return nil
}

// value reads the value to store, but at most one byte more than the limit.
func (o *putOptions) value(ctx context.Context, stdin io.Reader, args []string) ([]byte, error) {
	from, name := stdin, "standard input"
	switch {
	case len(args) == 2 && args[1] != "-":
		return fitting("the value", []byte(args[1]))
	case len(args) == 1 && o.file != "-":
		f, err := os.Open(o.file)
		if err != nil {
			return nil, usageError{fmt.Errorf("--file: %w", err)}
		}
		defer f.Close()
		from, name = f, o.file
	}
	type read struct {
		value []byte
		err   error
	}
	done := make(chan read, 1)
	go func() { // a terminal or a pipe may send nothing for long, and Ctrl-C must end the program all the same
		value, err := io.ReadAll(io.LimitReader(from, kv.MaxValue+1))
		done <- read{value, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, usageError{fmt.Errorf("cannot read the value: %w", r.err)}
		}
		return fitting(name, r.value)
	case <-ctx.Done():
		return nil, fmt.Errorf("interrupted while reading the value from %s", name)
	}
}

func fitting(name string, value []byte) ([]byte, error) {
	if len(value) > kv.MaxValue {
		return nil, usageError{fmt.Errorf("put: %s has more than %d bytes (1 MiB), the limit of a value", name, kv.MaxValue)}
	}
	return value, nil
}

// getCommand returns the command that prints a value. To a file or another program it writes only
// the value; on a terminal it adds a newline if needed, so that the prompt starts on its own line.
func (c *caller) getCommand() *cobra.Command {
	var raw bool
	cmd := c.command("get KEY", "Print a value", 1, func(ctx context.Context, host *client.Client, out io.Writer, args []string) error {
		value, err := host.Get(ctx, []byte(args[0]))
		if err != nil {
			return err
		}
		return printValue(out, value, !raw && isTerminal(out))
	})
	cmd.Long = `Print a value: its bytes and nothing else, for a file or another program. Only on a terminal a
newline follows a value that does not end with one; --raw leaves it out there too.`
	cmd.Flags().BoolVar(&raw, "raw", false, "nothing but the value's bytes, on a terminal too")
	cmd.Example = "  node get tide\n  node get chart > chart.png\n" +
		"  node get --addr host-a.example:7001 --tls-cert me.pem --tls-key me.key --tls-ca ca.pem tide"
	return cmd
}

func printValue(out io.Writer, value []byte, terminal bool) error {
	if _, err := out.Write(value); err != nil {
		return err
	}
	if terminal && (len(value) == 0 || value[len(value)-1] != '\n') {
		_, err := io.WriteString(out, "\n")
		return err
	}
	return nil
}

// isTerminal takes every character device for a terminal: to /dev/null, the other one in common
// use, a newline does no harm.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
