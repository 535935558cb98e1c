// Writes a log folder with golang.org/x/mod's sumdb/note and sumdb/tlog, to be read by ours.
//
//	write DIR SKEY SIZE      the entries are "entry 0\n", "entry 1\n", …
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func write(dir, path string, data []byte) {
	path = filepath.Join(dir, path)
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	must(os.WriteFile(path, data, 0o644))
}

func main() {
	dir, skey := os.Args[1], os.Args[2]
	size, err := strconv.ParseInt(os.Args[3], 10, 64)
	must(err)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (found []tlog.Hash, err error) {
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	bundles := map[int64][]byte{}
	for index := int64(0); index < size; index++ {
		entry := []byte(fmt.Sprintf("entry %d\n", index))
		hashes, err := tlog.StoredHashes(index, entry, reader)
		must(err)
		stored = append(stored, hashes...)
		bundle := binary.BigEndian.AppendUint16(bundles[index/256], uint16(len(entry)))
		bundles[index/256] = append(bundle, entry...)
	}
	for n, data := range bundles {
		tile := tlog.Tile{H: 8, L: -1, N: n, W: 256}
		if size-n*256 < 256 {
			tile.W = int(size - n*256)
		}
		write(dir, strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1), data)
	}
	for _, tile := range tlog.NewTiles(8, 0, size) {
		data, err := tlog.ReadTileData(tile, reader)
		must(err)
		write(dir, strings.Replace(tile.Path(), "tile/8/", "tile/", 1), data)
	}
	signer, err := note.NewSigner(skey)
	must(err)
	root, err := tlog.TreeHash(size, reader)
	must(err)
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), size, root)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	must(err)
	write(dir, "checkpoint", signed)
}
