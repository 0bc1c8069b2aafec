"use strict";
// A page from disk may start no worker; there a script that was written for one runs in a frame of its own.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.early = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.title = "search";
      document.documentElement.append(this.frame);
      const inside = this.frame.contentWindow, script = inside.document.createElement("script");
      inside.postMessage = (data) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        if (this.onmessage) this.onmessage(event);
      };
      inside.importScripts = (...files) => Promise.all(files.map((file) => new Promise((done, failed) => {
        const part = inside.document.createElement("script");
        part.src = new URL(file, address);
        part.onload = done;
        part.onerror = failed;
        inside.document.head.append(part);
      })));
      script.src = address;
      script.onload = () => { this.early.splice(0).forEach((data) => this.tell(data)); this.early = null; };
      inside.document.head.append(script);
    }

    tell(data) { this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })); }
    postMessage(data) { if (this.early) this.early.push(data); else this.tell(data); }
    terminate() { this.frame.remove(); }
  };
}
