package main

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// pack writes a folder as a zip file. A file that is not complete never has the name.
func pack(dir, out string) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(out), ".hostcheck-*.zip")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	if err := errors.Join(writeZip(temp, dir), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), out)
}

// writeZip keeps modes, so that programs are such where that is a mode.
func writeZip(out io.Writer, dir string) error {
	w := zip.NewWriter(out)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		return err
	}
	return w.Close()
}
