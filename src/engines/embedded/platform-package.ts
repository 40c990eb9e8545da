import { EntresolError } from '../../core/index.ts';

export const ENGINE_PACKAGE = 'node-llama-cpp';
export const ENGINE_VERSION = '3.22.1';

/** The one binary package per platform that runs on the CPU alone (Metal is part of macOS on ARM). */
const CPU_PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@node-llama-cpp/linux-x64',
  'linux-arm64': '@node-llama-cpp/linux-arm64',
  'linux-arm': '@node-llama-cpp/linux-armv7l',
  'linux-riscv64': '@node-llama-cpp/linux-riscv64',
  'darwin-arm64': '@node-llama-cpp/mac-arm64-metal',
  'darwin-x64': '@node-llama-cpp/mac-x64',
  'win32-x64': '@node-llama-cpp/win-x64',
  'win32-arm64': '@node-llama-cpp/win-arm64',
};

export interface Platform {
  readonly platform: string;
  readonly architecture: string;
  /** False on Linux with musl, for which no binary is built. */
  readonly glibc: boolean;
}

interface ReportHeader { readonly header?: { readonly glibcVersionRuntime?: string } }

export function thisPlatform(): Platform {
  const glibc = process.platform !== 'linux' || (process.report?.getReport() as ReportHeader | undefined)?.header?.glibcVersionRuntime !== undefined;
  return { platform: process.platform, architecture: process.arch, glibc };
}

/** @throws EntresolError `ENT_ENGINE_UNSUPPORTED_PLATFORM` */
export function cpuPackage(platform: Platform = thisPlatform()): string {
  const name = CPU_PACKAGES[`${platform.platform}-${platform.architecture}`];
  if (name === undefined || !platform.glibc) {
    const libc = platform.glibc ? '' : ' (musl)';
    throw new EntresolError('ENT_ENGINE_UNSUPPORTED_PLATFORM', `llama.cpp has no prebuilt binary for ${platform.platform}-${platform.architecture}${libc}.`);
  }
  return name;
}
