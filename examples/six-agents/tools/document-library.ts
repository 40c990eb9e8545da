/**
 * Read-only access to the Markdown files of one folder. A file is served only if its real path, links followed, lies
 * inside the folder's real path. Numbers of files, bytes read and characters answered are bounded.
 */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';

const MAXIMUM_FILES = 200;
const MAXIMUM_DEPTH = 4;
const MAXIMUM_FILE_BYTES = 512 * 1024;

export interface DocumentLine { readonly file: string; readonly line: number; readonly text: string }

/** A request for a document that cannot be served; the message is for the model to read. */
export class DocumentError extends Error {}

export class DocumentLibrary {
  private readonly root: string;
  private readonly lines = new Map<string, Promise<readonly string[]>>();
  private names: Promise<readonly string[]> | undefined;

  /** @param root folder whose `.md` files, at most four levels deep, are the library */
  constructor(root: string) { this.root = resolve(root); }

  /** Names of the documents, sorted, with forward slashes. A missing folder is an empty library. */
  list(): Promise<readonly string[]> {
    this.names ??= this.scan(this.root, 0).then((found) => found.sort().slice(0, MAXIMUM_FILES));
    return this.names;
  }

  /** All lines of one document. @throws DocumentError */
  async read(file: string): Promise<readonly string[]> {
    if (!(await this.list()).includes(file)) throw new DocumentError(`no document ${JSON.stringify(file.slice(0, 80))}; list_documents shows the names`);
    let content = this.lines.get(file);
    if (content === undefined) {
      content = this.load(file);
      this.lines.set(file, content);
    }
    return content;
  }

  /** Lines that contain every word, in order of documents and lines. */
  async search(words: readonly string[], most: number): Promise<readonly DocumentLine[]> {
    const wanted = words.map((word) => word.toLowerCase());
    const found: DocumentLine[] = [];
    for (const file of await this.list()) {
      for (const [index, text] of (await this.read(file)).entries()) {
        const lower = text.toLowerCase();
        if (!wanted.every((word) => lower.includes(word))) continue;
        found.push({ file, line: index + 1, text });
        if (found.length === most) return found;
      }
    }
    return found;
  }

  private async load(file: string): Promise<readonly string[]> {
    const root = await realpath(this.root);
    const path = await realpath(join(root, file));
    if (!path.startsWith(root + sep)) throw new DocumentError(`${JSON.stringify(file)} lies outside the library`);
    if ((await stat(path)).size > MAXIMUM_FILE_BYTES) throw new DocumentError(`${JSON.stringify(file)} is larger than ${MAXIMUM_FILE_BYTES} bytes`);
    return (await readFile(path, 'utf8')).split('\n');
  }

  private async scan(folder: string, depth: number): Promise<string[]> {
    let entries;
    try {
      entries = await readdir(folder, { withFileTypes: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    const found: string[] = [];
    for (const entry of entries) {
      const path = join(folder, entry.name);
      // Links are not followed here: an entry that is a link is neither file nor folder.
      if (entry.isFile() && entry.name.endsWith('.md')) found.push(relative(this.root, path).split(sep).join('/'));
      if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules' && depth < MAXIMUM_DEPTH) found.push(...(await this.scan(path, depth + 1)));
      if (found.length > MAXIMUM_FILES) break;
    }
    return found;
  }
}
