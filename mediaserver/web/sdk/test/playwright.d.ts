/** What the tests use of playwright-core, which lies outside of the checkout, where the compiler does not look. */
declare module "playwright-core" {
  export interface Page {
    goto(url: string): Promise<unknown>;
    evaluate<R>(use: () => R | Promise<R>): Promise<R>;
    evaluate<A, R>(use: (given: A) => R | Promise<R>, given: A): Promise<R>;
    waitForFunction(is: () => boolean, given: undefined, options: { timeout: number }): Promise<unknown>;
  }
  export interface Browser {
    newPage(): Promise<Page>;
    close(): Promise<void>;
  }
  export const chromium: { launch(options: { executablePath: string; args: string[] }): Promise<Browser> };
}
